import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseDirectories, prepareDirectories, socketOf } from './run-directory.ts';

describe('the directories of a supervisor', () => {
  it('are below the state home of a user', () => {
    expect(chooseDirectories({}, { XDG_STATE_HOME: '/home/ann/state' }, false)).toEqual({
      run: '/home/ann/state/unstale',
      log: '/home/ann/state/unstale/log',
    });
  });

  it('are those of the flags before those of the environment', () => {
    const environment = { UNSTALE_RUN_DIR: '/e/run', UNSTALE_LOG_DIR: '/e/log' };
    expect(chooseDirectories({}, environment, false)).toEqual({ run: '/e/run', log: '/e/log' });
    expect(chooseDirectories({ run: '/f/run', log: '/f/log' }, environment, false)).toEqual({
      run: '/f/run',
      log: '/f/log',
    });
  });

  it('have the logs beside a run directory of one s own choice', () => {
    expect(chooseDirectories({ run: '/f/run' }, {}, true)).toEqual({ run: '/f/run', log: '/f/run/log' });
  });

  it('are created for the user only, and refused when others may write there', () => {
    const parent = mkdtempSync(join(tmpdir(), 'unstale-run-'));
    try {
      const directories = { run: join(parent, 'a', 'run'), log: join(parent, 'a', 'log') };
      prepareDirectories(directories);
      expect(statSync(directories.run).mode & 0o777).toBe(0o700);
      chmodSync(directories.run, 0o777);
      expect(() => prepareDirectories(directories)).toThrow(/may be written by others; run: chmod 700/);
    } finally {
      rmSync(parent, { recursive: true });
    }
  });

  it('cannot be created where nothing can be written', () => {
    const directories = { run: '/proc/unstale', log: '/proc/unstale/log' };
    expect(() => prepareDirectories(directories)).toThrow(
      expect.objectContaining({ code: 'UNSTALE_RUN_DIRECTORY' }),
    );
  });

  it('have a socket whose name the system can take', () => {
    const fits = `/${'x'.repeat(107 - '//control.sock'.length)}`;
    expect(socketOf(fits)).toHaveLength(107);
    expect(() => socketOf(`${fits}x`)).toThrow(/name of 108 bytes.*--run-dir/);
  });
});
