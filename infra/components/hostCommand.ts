import { Document } from '@pulumi/aws/ssm/document';
import { ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import { TYPE_PREFIX } from '../naming';
import type { CommandDocument } from '../postgres/hostCommands';
import type { CloudScope } from './cloudScope';

export interface HostCommandArgs {
  scope: CloudScope;
  suffix: string;
  content: CommandDocument;
}

/** An SSM document that a Lambda may start on the host: what is done there is fixed here, not by who calls. */
export class HostCommand extends ComponentResource {
  readonly documentName: Output<string>;
  readonly arn: Output<string>;

  constructor(name: string, { scope, suffix, content }: HostCommandArgs, options: ComponentResourceOptions = {}) {
    super(`${TYPE_PREFIX}:aws:HostCommand`, name, {}, options);
    const document = new Document(
      `${name}-document`,
      {
        name: scope.name(suffix),
        documentType: 'Command',
        documentFormat: 'JSON',
        targetType: '/AWS::EC2::Instance',
        content: JSON.stringify(content),
        tags: scope.tags(suffix),
      },
      { parent: this },
    );
    this.documentName = document.name;
    this.arn = document.arn;
    this.registerOutputs({ documentName: this.documentName });
  }
}
