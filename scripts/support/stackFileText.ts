/** Writes stack files: YAML as `pulumi config set` would leave it, so that the CLI changes nothing of it. */
import { createRequire } from 'node:module';
import { PROJECT } from '../../infra/naming';

// A dependency of @pulumi/pulumi, which writes the same files with it; it brings no types.
const yaml = createRequire(__filename)('js-yaml') as { dump(value: unknown, options: object): string };

/** Value of each key of the project, without the namespace. */
export type RawConfig = Record<string, unknown>;

/** @param comment lines without their #, above everything */
export function stackFileText(config: RawConfig, comment: readonly string[]): string {
  // Scalars are text to Pulumi, whatever they look like.
  const entries = Object.entries(config).map(([key, value]) => [
    `${PROJECT}:${key}`,
    typeof value === 'number' || typeof value === 'boolean' ? String(value) : value,
  ]);
  const body = yaml.dump({ config: Object.fromEntries(entries) as RawConfig }, { lineWidth: -1, noRefs: true });
  return `${comment.map((line) => `# ${line}\n`).join('')}${body}`;
}
