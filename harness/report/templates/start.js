// Last: what the address asks for.
place.start();
document.documentElement.dataset.ready = "yes";
