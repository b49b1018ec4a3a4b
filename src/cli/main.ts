#!/usr/bin/env node
import process from 'node:process'
import { Command, CommanderError } from 'commander'
import { subcommands } from './commands/index.ts'
import { ExitCode } from './exit-code.ts'
import { type Io, processIo } from './io.ts'
import { commandName, version } from './package.ts'

/** Help reads the same in every terminal, and in its test. */
const HELP_WIDTH = 80

const notes = `Exit status: 0 done or yes, 1 no, 2 error. Results go to stdout, everything else
to stderr. Colour is for terminals; NO_COLOR and FORCE_COLOR decide otherwise.`

/** What commander would print itself. */
interface Printed {
  out: string
  error: string
}

function newProgram(printed: Printed): Command {
  return (
    new Command(commandName)
      .description('Looks at files through memory maps.')
      .version(version, '-V, --version', 'print the version')
      .helpOption('-h, --help', 'print help')
      .helpCommand('help [command]', 'print help for a command')
      .addHelpText('after', `\n${notes}`)
      .exitOverride()
      // Kept, not written: writes are waited for, and errors have one form whatever their origin.
      .configureOutput({
        writeOut: (text) => {
          printed.out += text
        },
        writeErr: (text) => {
          printed.error += text
        },
        outputError: () => {},
        getOutHelpWidth: () => HELP_WIDTH,
        getErrHelpWidth: () => HELP_WIDTH,
        getOutHasColors: () => false,
        getErrHasColors: () => false,
      })
  )
}

/** `error: unknown option '--jsn'` and its proposal in a second line, made one line. */
const usageMessage = (message: string): string =>
  message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)$/, (_, known: string) => `; did you mean ${known}?`)

/** Help and version, asked for or not, and wrong usage: the ways in which commander ends the program. */
async function ended({ exitCode, code, message }: CommanderError, printed: Printed, io: Io): Promise<ExitCode> {
  if (printed.out !== '') await io.print(printed.out)
  if (exitCode === 0) return ExitCode.Yes
  if (code === 'commander.help') {
    io.note(printed.error)
  } else {
    io.complain(usageMessage(message))
    io.note(`run \`${commandName} --help\``)
  }
  return ExitCode.Error
}

/** Runs a command line and resolves to the exit code. It never rejects. */
async function main(argv: readonly string[]): Promise<number> {
  const io = processIo()
  const printed: Printed = { out: '', error: '' }
  let code: ExitCode = ExitCode.Yes
  const program = newProgram(printed)
  for (const attach of subcommands) {
    attach(program, io, (result) => {
      code = result
    })
  }
  try {
    await program.parseAsync(argv, { from: 'user' }).catch(async (error: unknown) => {
      if (!(error instanceof CommanderError)) throw error
      code = await ended(error, printed, io)
    })
    return code
  } catch (error) {
    io.complain(error instanceof Error ? error.message : String(error))
    return ExitCode.Error
  }
}

// Not process.exit: what is still on its way to stdout would be cut off.
process.exitCode = await main(process.argv.slice(2))
