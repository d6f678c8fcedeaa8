// Last: what the address asks for.
place.start();
complete.then(() => { document.documentElement.dataset.ready = "yes"; });
