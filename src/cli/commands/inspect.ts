/** `inspect FILE...`: what a file is, where it lies and how much of it is in memory. */
import { Argument } from 'commander'
import { ExitCode } from '../exit-code.ts'
import { describeFile, fileAsJson } from '../file-description.ts'
import { messageFor } from '../file-error.ts'
import { type FileFacts, gatherFacts } from '../file-facts.ts'
import { printableJson } from '../format/printable.ts'
import { legend } from '../format/residency-bar.ts'
import { jsonOption, subcommand } from '../subcommand.ts'

export const inspect = subcommand<[files: string[]], { json?: true }>({
  name: 'inspect',
  summary: 'show what a file is, and what of it is in memory',
  description: 'Shows size, type, mode, file system, storage, residency and the first bytes of files.',
  arguments: [new Argument('<file...>', 'regular files; links are followed')],
  options: [jsonOption('a JSON array with one object for each file')],
  notes: `Residency is what was in memory before this command looked at the bytes. Each
cell of its picture stands for an equal part of the file:
${legend}.
The type is a guess from the first bytes.`,
  async run(io, [files], { json }) {
    let code: ExitCode = ExitCode.Yes
    const shown: FileFacts[] = []
    for (const path of files) {
      let facts: FileFacts
      try {
        facts = await gatherFacts(path)
      } catch (error) {
        io.complain(messageFor(error, path))
        code = ExitCode.Error
        continue
      }
      if (!json && !(await io.print(`${shown.length > 0 ? '\n' : ''}${describeFile(facts, io.colours)}`))) break
      shown.push(facts)
    }
    if (json) await io.print(`${printableJson(shown.map(fileAsJson))}\n`)
    return code
  },
})
