import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ERROR_CATALOG } from '../errors/catalog.ts';
import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { formatLine, parseReply } from './control-protocol.ts';
import type { ControlRequest } from './control-protocol.ts';
import { LineSplitter } from './line-splitter.ts';
import { socketOf } from './run-directory.ts';

/** An answer is one line, characters: the status of many daemons. */
const LONGEST_ANSWER = 67_108_864;

/** Nobody listens on the socket. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR']);

/**
 * Asks the supervisor of a run directory, and resolves with its result.
 *
 * @param silence longest time without a word, ms
 * @throws UnstaleError UNSTALE_NOT_RUNNING when there is none, it does not answer, or this user may not ask; what the supervisor answers
 * as its error
 */
export async function askSupervisor(
  runDirectory: string,
  request: ControlRequest,
  { progress, silence }: { readonly progress?: (line: string) => void; readonly silence: number },
): Promise<unknown> {
  const socket = await open(runDirectory);
  let answer: { readonly result: unknown } | UnstaleError | undefined;
  const splitter = new LineSplitter((line) => {
    const reply = parseReply(line);
    if (reply === undefined) return;
    if ('progress' in reply) progress?.(reply.progress);
    else if ('result' in reply) answer = reply;
    else answer = new UnstaleError(codeOf(reply.error.code), reply.error.message);
  }, LONGEST_ANSWER);
  socket.setTimeout(silence, () =>
    socket.destroy(new Error(`the supervisor says nothing for ${silence / 1000} s`)),
  );
  socket.on('data', (chunk: Buffer) => splitter.push(chunk));
  const closed = once(socket, 'close');
  socket.write(formatLine(request));
  try {
    await closed;
  } catch (error) {
    // What was answered before counts.
    answer ??= notRunning(`the connection to the supervisor broke: ${reasonOf(error)}`, error);
  }
  splitter.end();
  if (answer instanceof UnstaleError) throw answer;
  if (answer === undefined) throw notRunning('the supervisor ended before it answered');
  return answer.result;
}

/** Whether a supervisor listens. @throws UnstaleError UNSTALE_RUN_DIRECTORY */
export async function isSupervised(runDirectory: string): Promise<boolean> {
  try {
    const socket = await open(runDirectory);
    socket.destroy();
    return true;
  } catch (error) {
    if (error instanceof UnstaleError && error.code === 'UNSTALE_NOT_RUNNING') return false;
    throw error;
  }
}

async function open(runDirectory: string): Promise<Socket> {
  const socket = connect(socketOf(runDirectory));
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw notRunning(
      NOBODY.has(code)
        ? `no supervisor runs in ${runDirectory}`
        : `the supervisor in ${runDirectory} cannot be asked: ${reasonOf(error)}`,
      error,
    );
  }
}

/** A supervisor of another version may know other codes. */
function codeOf(code: string): ErrorCode {
  return isKnown(code) ? code : 'UNSTALE_INTERNAL';
}

function isKnown(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CATALOG, code);
}

function notRunning(message: string, cause?: unknown): UnstaleError {
  return new UnstaleError('UNSTALE_NOT_RUNNING', message, { cause });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
