/** `qbench server parameters`: what was asked for, what the server runs with, and why. */
import { readParameters, type ParameterState } from '../../ops/configuration/parameters';
import type { Queryable } from '../../ops/ports';
import { parameterCatalog } from '../../postgres/catalog';
import { neededBy } from '../../postgres/change';
import { noteOf, PRESETS, type ParameterNote } from '../../postgres/parameters';
import { sameValue } from '../../postgres/values';

export interface ParameterReport extends ParameterState {
  /** `host`: this machine decides it (address, folders); `override`: only the setting postgresParameters names it; `preset`: initdb did. */
  kind: ParameterNote['kind'] | 'host' | 'override' | 'preset';
  why: string;
  /** What a change of it takes; undefined for what cannot change. */
  needs: 'reload' | 'restart' | undefined;
  link: string | undefined;
}

const HOST = new Set([
  'hba_file',
  'ident_file',
  'listen_addresses',
  'port',
  'unix_socket_directories',
  'unix_socket_permissions',
]);

/** @param wanted the lines of the last postgresql.conf that the server took in */
export async function reportParameters(
  session: Queryable,
  wanted: Readonly<Record<string, string>>,
): Promise<ParameterReport[]> {
  const presets = Object.fromEntries(Object.entries(PRESETS).map(([name, preset]) => [name, preset.value]));
  const same = (name: string, a: string, b: string): boolean => sameValue(parameterCatalog().get(name), a, b);
  const states = await readParameters(session, { ...wanted, ...presets }, same);
  return states.map((state) => {
    const preset = PRESETS[state.name];
    if (preset !== undefined) return { ...state, kind: 'preset', why: preset.why, needs: undefined, link: undefined };
    const note = noteOf(state.name);
    const needs = neededBy(state.name);
    if (HOST.has(state.name))
      return { ...state, kind: 'host', why: 'where this machine keeps it', needs, link: note?.link };
    if (note === undefined)
      return { ...state, kind: 'override', why: 'set by postgresParameters', needs, link: undefined };
    return { ...state, kind: note.kind, why: note.why, needs, link: note.link };
  });
}
