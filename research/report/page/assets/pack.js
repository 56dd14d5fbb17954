// Arrays as research/report/page/pack.py writes them.

/** Returns {shape, values} of a packed array; booleans as 0 and 1. */
export function unpack({ shape, type, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  if (type === "u1") return { shape, values: bytes };
  const count = shape.reduce((product, size) => product * size, 1);
  if (type === "bits") {
    const bit = (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1;
    return { shape, values: Uint8Array.from({ length: count }, bit) };
  }
  const pair = (_, i) => bytes[2 * i] | (bytes[2 * i + 1] << 8);
  return { shape, values: Uint16Array.from({ length: count }, pair) };
}

/** Returns `index → (H·W) bytes` of cropped maps; nothing is unpacked before it is asked for. */
export function uncropped({ boxes, values }, height, width) {
  let at = null;
  let bytes = null;
  return (index) => {
    if (at === null) {
      at = unpack(boxes).values;
      bytes = unpack(values).values;
    }
    const size = (i) => at[4 * i + 2] * at[4 * i + 3];
    let from = 0;
    for (let i = 0; i < index; i += 1) from += size(i);
    const [top, left, tall, wide] = at.slice(4 * index, 4 * index + 4);
    const map = new Uint8Array(height * width);
    for (let y = 0; y < tall; y += 1) {
      const row = bytes.subarray(from + y * wide, from + (y + 1) * wide);
      map.set(row, (top + y) * width + left);
    }
    return map;
  };
}
