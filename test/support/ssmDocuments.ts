/** Documents of SSM as the agent reads them: schema 2.2, steps of `aws:runShellScript`, parameters in double braces. */

export interface SsmDocument {
  schemaVersion: string;
  parameters?: Record<string, { type: string; default?: string | string[]; allowedPattern?: string }>;
  mainSteps: { action: string; name: string; inputs: Record<string, string | string[]> }[];
}

/** AWS's own, as far as this project uses it. */
export const RUN_SHELL_SCRIPT: SsmDocument = {
  schemaVersion: '2.2',
  parameters: {
    commands: { type: 'StringList' },
    workingDirectory: { type: 'String', default: '' },
    executionTimeout: {
      type: 'String',
      default: '3600',
      allowedPattern: '([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)',
    },
  },
  mainSteps: [
    {
      action: 'aws:runShellScript',
      name: 'runShellScript',
      inputs: {
        runCommand: '{{ commands }}',
        workingDirectory: '{{ workingDirectory }}',
        timeoutSeconds: '{{ executionTimeout }}',
      },
    },
  ],
};

export interface Step {
  script: string;
  timeoutSeconds: number;
}

/**
 * The steps of a document with its parameters filled in.
 * @throws Error as SSM's InvalidParameters would say
 */
export function stepsOf(document: SsmDocument, given: Record<string, string[]>): Step[] {
  const declared = document.parameters ?? {};
  for (const [name, values] of Object.entries(given)) {
    const parameter = declared[name];
    if (parameter === undefined) throw new Error(`Parameter "${name}" is not defined in the document.`);
    if (!Array.isArray(values)) throw new Error(`Parameter "${name}" must be a list.`);
    const pattern = parameter.allowedPattern;
    const wrong = values.find((value) => pattern !== undefined && !new RegExp(`^(?:${pattern})$`).test(value));
    if (wrong !== undefined)
      throw new Error(`Parameter "${name}" has value "${wrong}" not matching ${String(pattern)}.`);
  }
  for (const [name, { default: fallback }] of Object.entries(declared)) {
    if (given[name] === undefined && fallback === undefined)
      throw new Error(`Parameter "${name}" requires argument values.`);
  }
  const valueOf = (name: string): string[] => {
    const value = given[name] ?? declared[name]?.default ?? '';
    return Array.isArray(value) ? value : [value];
  };
  const fill = (value: string | string[]): string[] => {
    if (Array.isArray(value)) return value.flatMap(fill);
    const whole = /^\{\{\s*(\w+)\s*\}\}$/.exec(value)?.[1];
    if (whole !== undefined) return valueOf(whole);
    return [value.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => valueOf(name).join('\n'))];
  };
  return document.mainSteps.map(({ action, inputs }) => {
    if (action !== 'aws:runShellScript') throw new Error(`the stand-in runs no ${action}`);
    const folder = fill(inputs['workingDirectory'] ?? '').join('');
    const lines = fill(inputs['runCommand'] ?? []);
    return {
      script: [...(folder === '' ? [] : [`cd '${folder}'`]), ...lines].join('\n'),
      timeoutSeconds: Number(fill(inputs['timeoutSeconds'] ?? '3600').join('')),
    };
  });
}
