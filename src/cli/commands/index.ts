/** Every command, in the order of the help. */
import type { Subcommand } from '../subcommand.ts'
import { inspect } from './inspect.ts'

export const subcommands: readonly Subcommand[] = [inspect]
