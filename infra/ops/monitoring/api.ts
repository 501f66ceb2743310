/** Whether the application answers, and how fast. */
import { messageOf } from '../errors';
import type { Clock } from '../ports';

/** Asks an address; rejects where no answer came in time. */
export interface HttpGet {
  get(url: string, timeoutMs: number): Promise<{ status: number }>;
}

/** Addresses of the application that the guide looks at. */
export const API_PATHS = ['/healthz', '/metrics'] as const;

/** Twice the level that warns: later than that nobody waits. */
export const API_TIMEOUT_MS = 10_000;

export interface ApiAnswer {
  path: string;
  /** Absent where no answer came. */
  status?: number;
  seconds: number;
  /** Why it does not count as an answer. */
  error?: string;
}

/**
 * Asks both addresses, one after the other so that neither slows the other.
 * @param baseUrl the setting monitoring.apiUrl
 */
export async function probeApi(
  http: HttpGet,
  clock: Clock,
  baseUrl: string,
  timeoutMs = API_TIMEOUT_MS,
): Promise<ApiAnswer[]> {
  const answers: ApiAnswer[] = [];
  for (const path of API_PATHS) {
    const begun = clock.monotonicMs();
    const seconds = (): number => Math.round(clock.monotonicMs() - begun) / 1000;
    try {
      const { status } = await http.get(`${baseUrl.replace(/\/+$/, '')}${path}`, timeoutMs);
      const ok = status >= 200 && status < 300;
      answers.push({ path, status, seconds: seconds(), ...(ok ? {} : { error: `answers with ${status}` }) });
    } catch (error) {
      answers.push({ path, seconds: seconds(), error: messageOf(error) });
    }
  }
  return answers;
}
