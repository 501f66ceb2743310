/** What the settings are judged against besides themselves. */

export interface SettingsContext {
  /** Name of the stack, without organization and project. */
  stack: string;
  /** Name of the project: the namespace of its keys. */
  project: string;
  /** Keys of the project whose value, or a part of it, is encrypted in the stack's configuration. @default [] */
  secretKeys?: readonly string[];
  /** Full keys of other namespaces, to find a misspelt namespace. @default [] */
  foreignKeys?: readonly string[];
  /** Names of the metrics that have a threshold. @default any name is taken */
  thresholdNames?: readonly string[];
  /** Root of the checkout; data must not lie among its files. @default not judged */
  checkout?: string;
}
