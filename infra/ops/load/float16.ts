/** IEEE 754 binary16, as embedding files keep it. Node's own Float16Array is younger than the oldest Node served. */

const EXPONENT_MASK = 0x7c00;

/** float32 value of every float16 bit pattern; 256 KiB, built once. */
let table: Float32Array | undefined;

function decodeOne(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits & EXPONENT_MASK) >> 10;
  const fraction = bits & 0x03ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The 65,536 float32 values, indexed by the float16 bits. */
function float16Table(): Float32Array {
  table ??= Float32Array.from({ length: 0x1_0000 }, (_, bits) => decodeOne(bits));
  return table;
}

/**
 * Decodes little-endian float16 values.
 * @param bytes an even number of bytes
 * @throws RangeError when a byte is left over
 */
export function decodeFloat16(bytes: Buffer): Float32Array {
  if (bytes.length % 2 !== 0) throw new RangeError(`${bytes.length} bytes are no whole number of float16 values`);
  const values = float16Table();
  const out = new Float32Array(bytes.length / 2);
  for (let i = 0; i < out.length; i++) {
    out[i] = values[(bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8)] as number;
  }
  return out;
}

/** Decodes little-endian float32 values; RangeError when bytes are left over. */
export function decodeFloat32(bytes: Buffer): Float32Array {
  if (bytes.length % 4 !== 0) throw new RangeError(`${bytes.length} bytes are no whole number of float32 values`);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}
