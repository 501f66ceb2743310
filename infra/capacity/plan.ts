/** The capacity plan: from a workload and a host to sizes, memory, parameters, hosts, prices and a forecast. */
export { PARAMETER_ROWS } from './parameters';
export type { ParameterRow, ParameterUnit, ServerParameters } from './parameters';
