import type { Contender } from './contender.ts';
import { bareGet } from './contenders/bare-get.ts';
import { parsedGet } from './contenders/parsed-get.ts';
import { unstaleFull, unstaleJson, unstaleText } from './contenders/unstale-reader.ts';

/** All that are measured, in this order in every round. */
export const CONTENDERS: readonly Contender[] = [bareGet, parsedGet, unstaleText, unstaleJson, unstaleFull];
