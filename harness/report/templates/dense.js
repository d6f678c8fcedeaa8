// Bytes that are text in the page, see harness/report/inline.py.
function undense(text) {
  const digit = new Uint8Array(128);
  let n = 0;
  for (let c = 33; c < 127; c++) if (!"&<\\".includes(String.fromCharCode(c))) digit[c] = n++;
  const bytes = new Uint8Array(((text.length >> 1) * 13 + (text.length & 1) * 6) >> 3);
  let bits = 0, held = 0, at = 0;
  for (let i = 0; i < text.length; i += 2) {
    held |= (digit[text.charCodeAt(i)] + 91 * (digit[text.charCodeAt(i + 1)] ?? 0)) << bits;
    for (bits += 13; bits >= 8; bits -= 8) {
      if (at < bytes.length) bytes[at++] = held & 255;
      held >>>= 8;
    }
  }
  return bytes;
}

// Promise of the bytes that an element holds, compressed; null in a browser that cannot unpack them.
async function unpacked(element) {
  if (typeof DecompressionStream === "undefined") return null;
  const stream = new Blob([undense(element.textContent)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
