import { compilePlan } from '../mapping/plan.ts';
import type { Config, Settings } from './config.ts';

/** The settings with their rules compiled. Needs none of what reading a configuration needs. */
export function compileConfig(settings: Settings): Config {
  return { ...settings, plan: compilePlan(settings.rules) };
}
