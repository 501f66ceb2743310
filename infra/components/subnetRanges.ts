/** Dividing the range of a VPC into subnets. Pure. */

/**
 * The quarters of an IPv4 range, in order.
 * @param cidr range without host bits, /28 or wider
 * @throws RangeError for anything else
 */
export function quarters(cidr: string): [string, string, string, string] {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  const numbers = (match ?? []).slice(1).map(Number);
  const [a = 256, b = 256, c = 256, d = 256, prefix = 33] = numbers;
  const base = ((a * 256 + b) * 256 + c) * 256 + d;
  const size = 2 ** (32 - prefix);
  if (match === null || [a, b, c, d].some((octet) => octet > 255) || prefix > 28 || base % size !== 0) {
    throw new RangeError(`"${cidr}" is no range that subnets can be made of`);
  }
  const quarter = (index: number): string => {
    const address = base + (index * size) / 4;
    return `${[24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')}/${prefix + 2}`;
  };
  return [quarter(0), quarter(1), quarter(2), quarter(3)];
}
