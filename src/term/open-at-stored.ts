import { readServerFacts } from '../binlog/server-facts.ts';
import { currentEnd } from '../binlog/start-position.ts';
import type { SourcePosition } from '../change/position.ts';
import type { Config } from '../config/config.ts';
import type { CheckpointWriter } from '../pipeline/checkpoint-writer.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { SqlClient, StartPoint } from '../pipeline/ports.ts';
import type { StateTables } from '../state/state-tables.ts';
import { storesValues } from '../stream.ts';
import type { FailoverReplay } from './failover-replay.ts';
import type { StreamHolder } from './stream-holder.ts';

interface Beginning {
  readonly config: Config;
  readonly state: StateTables;
  readonly client: SqlClient;
  readonly streams: StreamHolder;
  readonly pipeline: Pipeline;
  readonly writer: CheckpointWriter;
  readonly failover: FailoverReplay;
  readonly signal: AbortSignal;
}

/**
 * Opens the stream at the stored position, or at `source.init_position` if none is stored. When the data in Redis is not
 * what the position speaks of, it begins before that.
 * @throws UnstaleError of the state tables or the source
 */
export async function openAtStored(
  beginning: Beginning,
): Promise<{ readonly position: SourcePosition; readonly resumed: boolean }> {
  const { config, state, client, streams, pipeline, writer, failover, signal } = beginning;
  const checkpoint = await state.store.load();
  const lost = config.dryRun ? undefined : await failover.startingAt(checkpoint);
  let start: StartPoint = config.source.initPosition;
  if (checkpoint !== undefined) {
    const { position: newest } = checkpoint;
    start = { from: 'checkpoint', position: lost ?? newest, newest };
    writer.startFrom(checkpoint);
    if (lost !== undefined) await writer.begin(lost, newest);
  }
  const position = await streams.open(start, signal);
  if (checkpoint === undefined) {
    // Stored before ready: a crash a moment later then resumes here, not at a later "latest".
    await writer.begin(position);
  } else if (storesValues(config)) {
    // An earlier run, or the leader before, may have applied more than it stored.
    const { file, offset } = await currentEnd(await readServerFacts(client), client);
    pipeline.replayUntil({ epoch: position.epoch, file, offset });
  }
  if (!config.dryRun) await failover.noteDataset();
  return { position, resumed: checkpoint !== undefined };
}
