import { tokensOf } from './configuration.ts';
import type { Configuration, Tokens } from './configuration.ts';
import { daemonSteps } from './daemon-steps.ts';
import { faultSteps } from './fault-steps.ts';
import { readerSteps } from './reader-steps.ts';
import { modelScripts } from './scripts.ts';
import type { ModelScripts } from './scripts.ts';
import type { World } from './world.ts';

/** A configuration, and what is made of it once. */
export interface Setting {
  readonly configuration: Configuration;
  readonly tokens: Tokens;
  readonly scripts: ModelScripts;
  /** The number of the last commit. */
  readonly last: number;
}

/** Takes a step's name and the world after it. */
export type Emit = (step: string, next: World) => void;

export function settingOf(configuration: Configuration): Setting {
  return {
    configuration,
    tokens: tokensOf(configuration),
    scripts: modelScripts(configuration.missing),
    last: configuration.history.length - 1,
  };
}

/** Everything that can happen next. */
export function eachStep(setting: Setting, world: World, emit: Emit): void {
  databaseSteps(setting, world, emit);
  daemonSteps(setting, world, emit);
  readerSteps(setting, world, emit);
  faultSteps(setting, world, emit);
}

/** A row's lock is held until its commit is visible: the next is logged only then. */
function databaseSteps({ last }: Setting, world: World, emit: Emit): void {
  const { logged, visible, replica } = world;
  if (logged === visible && logged < last)
    emit(`commit ${logged + 1} is logged`, { ...world, logged: logged + 1 });
  if (visible < logged) emit(`commit ${logged} is visible`, { ...world, visible: logged });
  if (replica < logged) emit(`the replica applies ${replica + 1}`, { ...world, replica: replica + 1 });
}
