/** The other way of infra/ops/load/float16: benchmarks write embedding files, the product only reads them. */

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** Bits of the nearest float16, ties to even; values of embeddings only, so no infinity and no NaN. */
function float16Bits(value: number): number {
  FLOAT[0] = value;
  const bits = BITS[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  const fraction = bits & 0x7fffff;
  if (exponent <= 0) {
    if (exponent < -10) return sign;
    const shift = 14 - exponent;
    const whole = (fraction | 0x800000) >>> shift;
    const rest = (fraction | 0x800000) & ((1 << shift) - 1);
    const half = 1 << (shift - 1);
    return sign | (whole + (rest > half || (rest === half && (whole & 1) === 1) ? 1 : 0));
  }
  const whole = (exponent << 10) | (fraction >>> 13);
  const rest = fraction & 0x1fff;
  return sign | (whole + (rest > 0x1000 || (rest === 0x1000 && (whole & 1) === 1) ? 1 : 0));
}

/** Writes the values as little-endian float16 into `target` from `offset` on. */
export function encodeFloat16(values: Float32Array, target: Buffer, offset: number): void {
  for (let i = 0; i < values.length; i++) target.writeUInt16LE(float16Bits(values[i] as number), offset + 2 * i);
}
