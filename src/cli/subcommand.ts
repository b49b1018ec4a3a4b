/** The frame around a command: one file says its name, help, arguments, flags and what it does. */
import { type Argument, type Command, Option, type OptionValues } from 'commander'
import type { ExitCode } from './exit-code.ts'
import type { Io } from './io.ts'

export interface Definition<Arguments extends readonly unknown[], Options extends OptionValues> {
  readonly name: string
  /** A few words for the list of commands. */
  readonly summary: string
  /** What the command's own help begins with. */
  readonly description: string
  readonly arguments: readonly Argument[]
  readonly options: readonly Option[]
  /** Further help behind the flags. */
  readonly notes?: string
  run(io: Io, values: Arguments, options: Options): Promise<ExitCode>
}

/** A command that can be put into the program; `done` gets the exit code. */
export type Subcommand = (program: Command, io: Io, done: (code: ExitCode) => void) => void

/** `Arguments` and `Options` are what commander makes of the declared arguments and flags. */
export const subcommand =
  <Arguments extends readonly unknown[], Options extends OptionValues>(definition: Definition<Arguments, Options>): Subcommand =>
  (program, io, done) => {
    const command = program.command(definition.name).summary(definition.summary).description(definition.description)
    for (const argument of definition.arguments) command.addArgument(argument)
    for (const option of definition.options) command.addOption(option)
    if (definition.notes !== undefined) command.addHelpText('after', `\n${definition.notes}`)
    command.action(async () => {
      done(await definition.run(io, command.processedArgs as unknown as Arguments, command.opts<Options>()))
    })
  }

/** The flag that every command with results has. */
export const jsonOption = (shape: string): Option => new Option('--json', `print ${shape}`)
