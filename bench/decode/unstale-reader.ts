// Reader: MysqlSource as src/daemon.ts constructs it, key column only, with positions, GTID set and the counting of
// the pipeline; what it reads is dropped.
import { MysqlSource } from '../../src/binlog/mysql-source.ts';
import type { SourceEvent, TransactionSlice } from '../../src/change/source-event.ts';
import { compilePlan } from '../../src/mapping/plan.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { createRetryDelay } from '../../src/runtime/backoff.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import { classifyMysqlError } from '../../src/runtime/mysql-errors.ts';
import { oneKeyRule } from '../one-key-rule.ts';
import { ReaderClock, readerTask } from './reader-clock.ts';

const task = readerTask();
const { host, port, user } = task;
const endpoint = { host, port, user, connectTimeout: 10_000 };
const client = createSqlClient({ ...endpoint, sslMode: 'disabled' }, { name: 'bench', queryTimeout: 10_000 });
const clock = new ReaderClock();
const plan = compilePlan([oneKeyRule('rules[0]', { schema: task.schema, table: task.table }, 'row:{id}')]);
const metrics = createMetrics({ clientId: 'bench' });
const ignore = (): void => undefined;
const source = new MysqlSource({
  client,
  connection: async () => endpoint,
  classifyError: (error) => classifyMysqlError(error, 'binlog'),
  interests: plan.interests,
  stateSchema: 'unstale',
  serverId: 4242,
  resumeBy: 'file',
  onGap: 'halt',
  gapWait: 0,
  sleep: async () => undefined,
  rowMetadata: 'full',
  verifyChecksums: process.argv[3] === 'checksums',
  heartbeatInterval: 5_000,
  silenceTimeout: 20_000,
  startTimeout: 20_000,
  maxBufferedBytes: 262_144,
  retryDelay: createRetryDelay({ initial: 100, max: 2_000 }),
  log: { debug: ignore, info: ignore, warn: console.warn, error: console.error },
  onConnect: () => clock.begin(),
});
await source.open({ from: 'file', ...task.from }, new AbortController().signal);

let rows = 0;
for (let done = false; !done;) {
  let bytes = 0;
  for (const event of await source.read()) {
    if (event.kind === 'slice') {
      count(event.slice);
      bytes += event.slice.bytes;
    }
    const position = positionBehind(event);
    if (position !== undefined && position.file === task.to.file && position.offset >= task.to.offset)
      done = true;
  }
  metrics.binlogBytes(bytes);
}
clock.end(rows);

/** As RowMapper counts: once a run of equal operations. */
function count(slice: TransactionSlice): void {
  const { changes } = slice;
  for (let first = 0; first < changes.length;) {
    const change = changes[first];
    if (change === undefined) break;
    let end = first + 1;
    while (changes[end]?.op === change.op && changes[end]?.table === change.table) end += 1;
    metrics.rowChanges(change.op, plan.labelOf(change.table), end - first);
    first = end;
  }
  rows += changes.length;
  if (slice.resumeAfter !== undefined) metrics.transactions(1);
}

function positionBehind(event: SourceEvent) {
  if (event.kind === 'idle') return event.position;
  return event.kind === 'slice' ? event.slice.resumeAfter : undefined;
}
