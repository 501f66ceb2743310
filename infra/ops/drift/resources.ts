/** What the engine finds changed when it reads every resource again: `pulumi refresh --preview-only --json`. Pure. */
import type { Difference } from './objects';

interface Step {
  op?: string;
  urn?: string;
  detailedDiff?: Record<string, unknown> | null;
  diffReasons?: string[] | null;
}

interface EngineEvent {
  diagnosticEvent?: { severity?: string; message?: string };
  resourcePreEvent?: { metadata: Step & { diffs?: string[] | null } };
  resOutputsEvent?: { metadata: Step & { diffs?: string[] | null } };
}

/**
 * @param text the stream of events, one a line (PULUMI_ENABLE_STREAMING_JSON_PREVIEW), or one digest with `steps`
 */
export function resourceDrift(text: string): Difference[] {
  const found = stepsOf(text).flatMap((step): Difference[] => {
    const name = step.urn?.split('::').pop() ?? '';
    if (step.urn?.includes('pulumi:pulumi:Stack') === true) return [];
    if (step.op === 'delete')
      return [{ area: 'resource', object: name, what: 'is gone', next: 'npm run up makes it again' }];
    const properties = Object.keys(step.detailedDiff ?? {});
    if (step.op !== 'update' && properties.length === 0) return [];
    const which = properties.length > 0 ? properties : (step.diffReasons ?? []);
    return [
      {
        area: 'resource',
        object: name,
        what: which.length === 0 ? 'was changed by hand' : `was changed by hand: ${which.join(', ')}`,
        next: 'npm run up sets it back',
      },
    ];
  });
  return [...new Map(found.map((each) => [each.object, each])).values()];
}

/** What the engine says went wrong, from the same stream of events; '' where it says nothing. */
export function refreshErrors(text: string): string {
  const said = text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const { severity, message = '' } = (JSON.parse(line) as EngineEvent).diagnosticEvent ?? {};
    return severity === 'error' ? [message.trim()] : [];
  });
  return [...new Set(said)].join('; ');
}

function stepsOf(text: string): Step[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  if (lines.length > 1) {
    // What a refresh found is known when the resource has been read: the event after it, not the one before.
    return lines.flatMap((line) => {
      const metadata = (JSON.parse(line) as EngineEvent).resOutputsEvent?.metadata;
      return metadata === undefined ? [] : [{ ...metadata, diffReasons: metadata.diffs ?? [] }];
    });
  }
  return (JSON.parse(text) as { steps?: Step[] }).steps ?? [];
}
