/** JSON that a database or a host printed. */
import { OperatorError } from '../errors';

/**
 * @param given text, or what a driver has read already
 * @param what for messages
 * @throws OperatorError for text that is no JSON, such as one that was cut off on its way
 */
export function jsonOf(given: unknown, what: string): unknown {
  if (typeof given !== 'string') return given;
  try {
    return JSON.parse(given);
  } catch (error) {
    throw new OperatorError(`the ${what} of the database is no JSON: ${given.length} characters`, { cause: error });
  }
}
