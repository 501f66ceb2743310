/** From settings to the machine: instance type and data volume, by the plan where the configuration does not name them. Pure. */
import { instanceFits } from '../capacity/hosts';
import { INSTANCE_TYPES, instanceTypeNamed, type InstanceType } from '../capacity/instanceTypes';
import { hostOfInstance, planCapacity, type CapacityPlan } from '../capacity/plan';
import { volumePerformance } from '../capacity/server';
import { grownWorkload } from '../capacity/workload';
import type { Ec2Settings } from '../settings';
import { OperatorError } from '../ops/errors';
import { planFor } from './plan';

export interface Ec2Machine {
  type: InstanceType;
  volume: { sizeGiB: number; iops: number; throughputMiBps: number };
  plan: CapacityPlan;
}

/**
 * The machine of a stack. The type is the one of the configuration, else the cheapest of at least 16 GiB that holds the
 * workload at its horizon.
 * @throws OperatorError with the numbers where nothing fits, or the named type does not
 */
export function ec2Machine(settings: Ec2Settings): Ec2Machine {
  const { ec2 } = settings;
  const type = ec2.instanceType === undefined ? chosenType(settings) : instanceTypeNamed(ec2.instanceType);
  if (type === undefined) {
    throw new OperatorError('no instance type of the table holds this workload at its horizon', {
      next: 'qbench plan shows what would: an index profile that needs less memory, or tier aurora',
    });
  }
  const plan = planFor(settings, hostOfInstance(type, ec2.volumeGiB));
  const performance = volumePerformance(plan.sizes.databaseBytes);
  return {
    type,
    volume: {
      sizeGiB: ec2.volumeGiB ?? Math.max(20, Math.ceil(plan.diskGiB / 10) * 10),
      iops: ec2.iops ?? performance.iops,
      throughputMiBps: ec2.throughputMiBps ?? performance.throughputMiBps,
    },
    plan,
  };
}

function chosenType(settings: Ec2Settings): InstanceType | undefined {
  const { workload, index, ec2 } = settings;
  const resolved = planCapacity({ workload, index });
  const grown = grownWorkload(resolved.workload, resolved.workload.horizonMonths);
  return INSTANCE_TYPES.find(
    (type) =>
      // Local disks lose their data when the host stops; the data is on a volume, and their price buys nothing.
      type.localNvmeGB === undefined &&
      (ec2.amiArchitecture === undefined || type.architecture === ec2.amiArchitecture) &&
      instanceFits(grown, resolved.index, type),
  );
}
