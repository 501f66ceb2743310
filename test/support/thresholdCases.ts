/** How each threshold is made to fire on a real server, and to clear again. */
import { systemClock } from '../../infra/adapters/systemClock';
import type { Session } from '../../infra/ops/ports';
import { must } from './must';
import type { Look, ThresholdBench } from './thresholdBench';

export interface ThresholdCase {
  /** What is looked at, and with which levels; the same before, while it fires and after. */
  look?: (bench: ThresholdBench) => Look;
  /** Instead of the above while it fires. */
  lookFired?: (bench: ThresholdBench) => Look | Promise<Look>;
  fire?: (bench: ThresholdBench) => Promise<unknown>;
  clear?: (bench: ThresholdBench) => Promise<unknown>;
  /** Before each look while it fires, and before each look after: for what is told from the difference of two. */
  again?: (bench: ThresholdBench) => Promise<unknown>;
  after?: (bench: ThresholdBench) => Promise<unknown>;
  severity?: 'warning' | 'critical';
  /** The finding says who or what it is. */
  detail?: RegExp;
}

const SECONDS = 0.3;
const warning = (name: string, level: number): Look => ({ levels: { [name]: { warning: level } } });
const probe: Look = { collect: { searches: 10 } };
const junk = (megabytes: number): string =>
  `CREATE TABLE junk AS SELECT repeat('x', 1000) AS x FROM generate_series(1, ${megabytes * 1000})`;

/** Rows that come and go. */
const passing = (rows: number): string => `
  INSERT INTO test_documents (test_case_id, uid, title) SELECT n, 'passing ' || n, 'p' FROM generate_series(100001, ${100_000 + rows}) AS n;
  DELETE FROM test_documents WHERE test_case_id > 100000`;

/** Each row another direction than it had: the index takes it in as a new element. */
const TURN = `UPDATE test_documents SET embedding = embedding -
  (SELECT embedding FROM test_documents ORDER BY id LIMIT 1) * array_fill(0.5::real, ARRAY[1536])::vector`;

/** Statements that their session is still busy with; what they end with is of no interest. */
function start(session: Session, text: string): void {
  session.query(text).catch(() => undefined);
}

const sessions: Record<string, ThresholdCase> = {
  databaseUnreachable: {
    fire: async (bench) => {
      await bench.closeAll();
      await bench.server.cluster.stop();
    },
    clear: async (bench) => {
      await bench.restart();
    },
    severity: 'critical',
    detail: /cannot connect/,
  },
  connections: {
    look: () => ({ planned: { clientConnections: 10 } }),
    fire: async (bench) => {
      for (let i = 0; i < 10; i++) await bench.session();
    },
    severity: 'critical',
    detail: /qbench_app idle/,
  },
  roleConnections: {
    fire: async (bench) => {
      await bench.sql('ALTER ROLE qbench_readonly CONNECTION LIMIT 5');
      for (let i = 0; i < 5; i++) await bench.session('readonly');
    },
    clear: (bench) => bench.sql('ALTER ROLE qbench_readonly CONNECTION LIMIT -1'),
    severity: 'critical',
    detail: /^qbench_readonly: 5 of 5$/,
  },
  idleInTransaction: {
    look: () => warning('idleInTransaction', SECONDS),
    fire: async (bench) => (await bench.session('app', 'forgetful')).query('BEGIN'),
    detail: /^pid \d+ \(qbench_app, forgetful\)$/,
  },
  longestTransaction: {
    look: () => warning('longestTransaction', SECONDS),
    fire: async (bench) => (await bench.session()).query('BEGIN; SELECT 1'),
    detail: /qbench_app/,
  },
  longestQuery: {
    look: () => warning('longestQuery', SECONDS),
    fire: async (bench) => start(await bench.session(), 'SELECT pg_sleep(60)'),
    clear: (bench) =>
      bench.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"),
  },
  lockWait: {
    look: () => warning('lockWait', SECONDS),
    fire: async (bench) => {
      await (await bench.session('owner', 'holder')).query('BEGIN; LOCK TABLE test_steps');
      start(await bench.session('app', 'waiter'), 'SELECT count(*) FROM test_steps');
    },
    clear: (bench) =>
      bench.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'"),
    detail: /waiter\) waits for pid \d+ \(qbench_owner, holder\), idle in transaction/,
  },
};

const space: Record<string, ThresholdCase> = {
  databaseSize: {
    look: (bench) => warning('databaseSize', bench.startBytes + 1e6),
    fire: (bench) => bench.sql(junk(4)),
    clear: (bench) => bench.sql('DROP TABLE junk'),
  },
  sizeAgainstPlan: {
    look: (bench) => ({ planned: { databaseBytes: bench.startBytes + 1e6 } }),
    fire: (bench) => bench.sql(junk(4)),
    clear: (bench) => bench.sql('DROP TABLE junk'),
  },
  disk: {
    lookFired: async (bench) => {
      const { database, wal } = await bench.snapshot();
      return { planned: { diskBytes: (database.allDatabasesBytes + wal.directoryBytes) * 1.05 } };
    },
    severity: 'critical',
  },
  diskDaysLeft: {
    look: () => ({ planned: { diskBytes: 1024 ** 3 } }),
    fire: async (bench) => {
      // As if the last look had been two hours ago: 24 MB since then are 288 MB a day.
      const at = new Date(Date.now() - 2 * 3_600_000).toISOString();
      bench.memory = { ...bench.memory, sizes: [{ at, bytes: (await bench.snapshot()).database.bytes }] };
      await bench.sql(junk(24));
    },
    clear: (bench) => bench.sql('DROP TABLE junk'),
    severity: 'critical',
  },
  walDirectory: {
    look: () => warning('walDirectory', 190),
    fire: async (bench) => {
      await bench.sql("SELECT pg_create_physical_replication_slot('forgotten', true)");
      await bench.switchWal(9);
    },
    clear: async (bench) => {
      await bench.sql("SELECT pg_drop_replication_slot('forgotten')");
      await bench.switchWal();
      await bench.sql('CHECKPOINT');
    },
    after: (bench) => bench.sql('CHECKPOINT'),
    detail: /replication slot forgotten, which nobody uses, holds it back/,
  },
};

const tables: Record<string, ThresholdCase> = {
  missingEmbeddings: {
    fire: (bench) =>
      bench.sql(
        'CREATE TABLE kept AS SELECT id, embedding FROM test_steps WHERE id % 5 = 0; UPDATE test_steps SET embedding = NULL WHERE id % 5 = 0',
      ),
    clear: (bench) =>
      bench.sql('UPDATE test_steps AS s SET embedding = k.embedding FROM kept AS k WHERE k.id = s.id; DROP TABLE kept'),
    severity: 'critical',
    detail: /^1\d\d of 600 test_steps$/,
  },
  deadRows: {
    // Without embeddings: vacuum of a graph is not what this is about, and takes long.
    fire: (bench) => bench.sql(passing(1100)),
    clear: (bench) => bench.sql('VACUUM ANALYZE test_documents'),
    detail: /^1,100 in test_documents$/,
  },
  staleStatistics: {
    fire: (bench) => bench.sql(passing(1100)),
    clear: (bench) => bench.sql('VACUUM ANALYZE test_documents'),
    severity: 'critical',
    detail: /^2,200 rows of test_documents$/,
  },
  transactionIdAge: {
    look: (bench) => warning('transactionIdAge', bench.startAge + 3000),
    fire: (bench) =>
      bench.sql('DO $$ BEGIN FOR i IN 1..4000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$'),
    clear: (bench) => bench.freezeAll(),
  },
  checksumFailures: {
    fire: async (bench) => {
      await bench.sql(junk(1));
      await bench.damage('junk', 1);
      await bench.sql('SELECT count(*) FROM junk').catch(() => undefined);
    },
    clear: (bench) => bench.sql('DROP TABLE junk; SELECT pg_stat_reset()'),
    severity: 'critical',
  },
  missingVectorIndex: {
    fire: (bench) => bench.sql('DROP INDEX idx_test_steps_embedding'),
    clear: (bench) => bench.buildIndexes(),
    severity: 'critical',
    detail: /^test_steps$/,
  },
  buildingVectorIndex: {
    fire: async (bench) => {
      await bench.sql('DROP INDEX idx_test_steps_embedding');
      await (await bench.session('owner', 'old')).query("BEGIN; UPDATE test_steps SET action = 'a' WHERE id = 1");
      start(
        await bench.session('owner', 'builder'),
        'CREATE INDEX CONCURRENTLY idx_test_steps_embedding ON test_steps USING hnsw (embedding vector_cosine_ops)',
      );
    },
    clear: (bench) =>
      bench.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'old'"),
  },
  invalidIndexes: {
    fire: (bench) =>
      bench.sql('CREATE UNIQUE INDEX CONCURRENTLY leftover ON test_documents (is_automated)').catch(() => undefined),
    clear: (bench) => bench.sql('DROP INDEX leftover'),
    detail: /^leftover$/,
  },
  indexBloat: {
    fire: (bench) => bench.sql(TURN),
    clear: async (bench) => {
      await bench.sql('REINDEX INDEX CONCURRENTLY idx_test_documents_embedding');
      await bench.sql('VACUUM ANALYZE test_documents');
    },
    detail: /^idx_test_documents_embedding$/,
  },
  pgvectorRelease: {
    fire: (bench) => bench.sql("UPDATE pg_extension SET extversion = '0.8.3' WHERE extname = 'vector'"),
    clear: (bench) => bench.sql("UPDATE pg_extension SET extversion = '0.8.6' WHERE extname = 'vector'"),
    severity: 'critical',
    detail: /^0\.8\.3$/,
  },
};

const performance: Record<string, ThresholdCase> = {
  memoryFit: {
    fire: (bench) =>
      bench.sql(
        'CREATE INDEX extra ON test_documents USING hnsw (embedding vector_cosine_ops); CREATE INDEX more ON test_documents USING hnsw (embedding vector_l2_ops)',
      ),
    clear: (bench) => bench.sql('DROP INDEX extra, more'),
  },
  heapCacheHit: {
    again: async (bench) => {
      for (let i = 0; i < 40; i++) {
        await bench.dropCaches('test_documents');
        await bench.sql('SELECT count(title) FROM test_documents');
      }
    },
    after: async (bench) => {
      for (let i = 0; i < 80; i++) await bench.sql('SELECT count(title) FROM test_documents');
    },
    severity: 'critical',
  },
  indexCacheHit: {
    again: async (bench) => {
      for (let i = 0; i < 30; i++) {
        await bench.dropCaches('idx_test_documents_embedding');
        await bench.sql('SELECT qbench.probe(1)');
      }
    },
    after: (bench) => bench.sql('SELECT qbench.probe(100)'),
    severity: 'critical',
    detail: /^idx_test_documents_embedding$/,
  },
  requestedCheckpoints: {
    again: async (bench) => {
      for (let i = 0; i < 4; i++) await bench.sql('CHECKPOINT');
    },
    severity: 'critical',
  },
  parametersDiffer: {
    look: () => ({ planned: { parameters: { work_mem: '2834', random_page_cost: '1.10' } } }),
    lookFired: () => ({ planned: { parameters: { work_mem: '65536', random_page_cost: '1.10' } } }),
    detail: /^work_mem$/,
  },
};

const search: Record<string, ThresholdCase> = {
  searchLatency: {
    look: () => probe,
    lookFired: () => ({ ...probe, ...warning('searchLatency', 0.001) }),
    detail: /embedding$/,
  },
  searchErrors: {
    look: () => probe,
    fire: async (bench) => {
      for (let page = 1; page < 60; page++) await bench.damage('idx_test_steps_embedding', page);
    },
    clear: async (bench) => {
      await bench.sql('DROP INDEX idx_test_steps_embedding');
      await bench.buildIndexes();
      await bench.sql('SELECT pg_stat_reset()');
      await bench.sql('ANALYZE test_documents, test_steps');
    },
    severity: 'critical',
    detail: /idx_test_steps_embedding: invalid page/,
  },
  selfMisses: {
    look: () => probe,
    // Rows that the index never took in, as a bug of an old release left them.
    fire: (bench) =>
      bench.sql(`
        UPDATE pg_index SET indisready = false WHERE indexrelid = 'idx_test_documents_embedding'::regclass;
        ${TURN};
        UPDATE pg_index SET indisready = true WHERE indexrelid = 'idx_test_documents_embedding'::regclass`),
    clear: async (bench) => {
      await bench.sql('REINDEX INDEX CONCURRENTLY idx_test_documents_embedding');
      await bench.sql('VACUUM ANALYZE test_documents');
    },
    severity: 'critical',
  },
  recall: {
    look: () => ({ collect: { searches: 0, recall: true } }),
    fire: (bench) => bench.sql(`ALTER DATABASE ${bench.db.name} SET hnsw.ef_search = 2`),
    clear: (bench) => bench.sql(`ALTER DATABASE ${bench.db.name} RESET hnsw.ef_search`),
    severity: 'critical',
    detail: /, 5 searches$/,
  },
  apiUnreachable: {
    look: (bench) => ({ collect: { searches: 0, apiUrl: bench.application.url } }),
    fire: async (bench) => Promise.resolve((bench.application.answer.status = 503)),
    clear: async (bench) => Promise.resolve((bench.application.answer.status = 200)),
    severity: 'critical',
    detail: /^\/healthz: answers with 503; \/metrics: answers with 503$/,
  },
  apiLatency: {
    look: (bench) => ({
      collect: { searches: 0, apiUrl: bench.application.url },
      ...warning('apiLatency', 0.4),
    }),
    fire: async (bench) => Promise.resolve((bench.application.answer.delayMs = 600)),
    clear: async (bench) => Promise.resolve((bench.application.answer.delayMs = 0)),
  },
};

const recovery: Record<string, ThresholdCase> = {
  dataAtRisk: {
    look: () => warning('dataAtRisk', 3),
    fire: async (bench) => {
      bench.closeGate();
      await bench.switchWal();
    },
    clear: async (bench) => {
      bench.openGate();
      await bench.switchWal();
    },
    // A failed attempt is repeated after a minute, or when the next segment is ready.
    after: async (bench) => {
      await bench.switchWal();
      await systemClock.sleep(300);
    },
    detail: /segments wait/,
  },
  archiveFailures: {
    fire: async (bench) => {
      bench.closeGate();
      await bench.switchWal();
    },
    clear: async (bench) => {
      bench.openGate();
      await bench.switchWal();
    },
    after: async (bench) => {
      await bench.switchWal();
      await systemClock.sleep(300);
    },
    detail: /^at [0-9A-F]{24}/,
  },
  // Whoever asks the repository hands the ages over; the tests of the backups show where they come from.
  backupAge: {
    look: () => ({ backup: { backupAgeSeconds: 3600 } }),
    lookFired: () => ({ backup: { backupAgeSeconds: 60 * 3600 } }),
    severity: 'critical',
  },
  restoreAge: {
    look: () => ({ backup: { restoreAgeSeconds: 86_400 } }),
    lookFired: () => ({ backup: { restoreAgeSeconds: 9 * 86_400 } }),
  },
};

const CASES: Readonly<Record<string, ThresholdCase>> = {
  ...sessions,
  ...space,
  ...tables,
  ...performance,
  ...search,
  ...recovery,
};

export const CASE_NAMES: readonly string[] = Object.keys(CASES);

export function caseOf(name: string): ThresholdCase {
  return must(CASES[name]);
}
