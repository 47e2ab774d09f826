// Pictures of a page have few colours: written with a palette they are a third of what the browser makes of them.
'use strict';

const zlib = require('node:zlib');

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const chunks = function* (png) {
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    yield [png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length)];
    at += length + 12;
  }
};

// The pixels of what the browser writes: eight bits a channel, with or without transparency, not interlaced.
const decode = (png) => {
  const parts = [...chunks(png)];
  const head = parts.find(([name]) => name === 'IHDR')[1];
  const [width, height, depth, kind] = [head.readUInt32BE(0), head.readUInt32BE(4), head[8], head[9]];
  if (depth !== 8 || (kind !== 2 && kind !== 6) || head[12] !== 0) { throw new Error('a picture of another kind'); }
  const size = kind === 6 ? 4 : 3;
  const raw = zlib.inflateSync(Buffer.concat(parts.filter(([name]) => name === 'IDAT').map(([, data]) => data)));
  const stride = width * size;
  const pixels = Buffer.alloc(stride * height);
  const paeth = (a, b, c) => {
    const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  };
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const a = x >= size ? pixels[at - size] : 0;
      const b = y > 0 ? pixels[at - stride] : 0;
      const c = x >= size && y > 0 ? pixels[at - stride - size] : 0;
      const add = [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
      pixels[at] = raw[y * (stride + 1) + 1 + x] + add;
    }
  }
  return { width, height, size, pixels };
};

// As many bits of each channel as leave no more than 256 colours.
const palette = ({ size, pixels }) => {
  for (let lost = 0; ; lost++) {
    const mask = 0xff & (0xff << lost);
    const colours = new Map();
    const places = new Uint8Array(pixels.length / size);
    let at = 0;
    for (; at < places.length && colours.size <= 256; at++) {
      const key = ((pixels[at * size] & mask) << 16) | ((pixels[at * size + 1] & mask) << 8) | (pixels[at * size + 2] & mask);
      // The first that is met stands for all that come to the same.
      if (!colours.has(key)) { colours.set(key, [colours.size, [...pixels.subarray(at * size, at * size + 3)]]); }
      places[at] = colours.get(key)[0];
    }
    if (colours.size <= 256) { return { places, colours: [...colours.values()].flatMap(([, colour]) => colour) }; }
  }
};

const chunk = (name, data) => {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const around = Buffer.alloc(8);
  around.writeUInt32BE(data.length, 0);
  around.writeUInt32BE(zlib.crc32 ? zlib.crc32(body) : crc32(body), 4);
  return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
};

// Node.js 20 has none of its own.
const crc32 = (bytes) => {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) { crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0); }
  }
  return (crc ^ 0xffffffff) >>> 0;
};

module.exports = (png) => {
  const picture = decode(Buffer.from(png));
  const { width, height } = picture;
  const { places, colours } = palette(picture);
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) { rows.set(places.subarray(y * width, (y + 1) * width), y * (width + 1) + 1); }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    SIGNATURE, chunk('IHDR', head), chunk('PLTE', Buffer.from(colours)),
    chunk('IDAT', zlib.deflateSync(rows, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0)),
  ]);
};
