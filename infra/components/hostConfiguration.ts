import { createHash } from 'node:crypto';
import { Association } from '@pulumi/aws/ssm/association';
import { Document } from '@pulumi/aws/ssm/document';
import { ComponentResource, output, type ComponentResourceOptions, type Input } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import { configurationScript } from '../postgres/configurationScript';
import type { HostFile } from '../postgres/hostFiles';
import type { CloudScope } from './cloudScope';

export interface HostConfigurationArgs {
  scope: CloudScope;
  instanceId: Input<string>;
  /** The files as the host is to have them. */
  files: Input<HostFile[]>;
}

/** Longest time that the host may take for its setup and the configuration, in seconds. */
const SUCCESS_WITHIN_SECONDS = 1800;

/**
 * How a change of the configuration reaches the living host: an SSM document with its files, associated with the host. A
 * preview shows the changed lines; `up` waits until the host has taken them, and fails with the host's words where it refuses and
 * goes on with the last good ones. It never replaces the host.
 */
export class HostConfiguration extends ComponentResource {
  constructor(name: string, args: HostConfigurationArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:HostConfiguration`, name, {}, options);
    const { scope } = args;
    const script = output(args.files).apply(configurationScript);
    const document = new Document(
      `${name}-document`,
      {
        name: scope.name('configuration'),
        documentType: 'Command',
        documentFormat: 'JSON',
        targetType: '/AWS::EC2::Instance',
        content: script.apply((lines) =>
          JSON.stringify({
            schemaVersion: '2.2',
            description: `Configuration of ${scope.name('host')}`,
            parameters: { digest: { type: 'String', description: 'Of the files', allowedPattern: '^[0-9a-f]{64}$' } },
            mainSteps: [
              {
                action: 'aws:runShellScript',
                name: 'configure',
                inputs: { timeoutSeconds: String(SUCCESS_WITHIN_SECONDS), runCommand: lines },
              },
            ],
          }),
        ),
        tags: scope.tags('configuration'),
      },
      { parent: this, ...scope.guard(`${name}-document`) },
    );
    new Association(
      `${name}-association`,
      {
        name: document.name,
        associationName: scope.name('configuration'),
        targets: [{ key: 'InstanceIds', values: [args.instanceId] }],
        // A new version of the document alone starts nothing; a changed parameter runs it at once.
        parameters: { digest: script.apply((lines) => createHash('sha256').update(lines.join('\n')).digest('hex')) },
        waitForSuccessTimeoutSeconds: SUCCESS_WITHIN_SECONDS,
        tags: scope.tags('configuration'),
      },
      { parent: this, dependsOn: document, ...scope.guard(`${name}-document`) },
    );
    this.registerOutputs({});
  }
}
