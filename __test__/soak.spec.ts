/** `npm run soak` in short, and proof that it notices a wrong byte. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { isLive } from './support/view.ts'

// It compares what views show.
const serial = isLive ? test.serial : test.serial.skip

function soak(...args: string[]): Promise<{ code: number | null; output: string }> {
  const program = join(import.meta.dirname, '..', 'scripts', 'soak.mjs')
  const child = spawn(process.execPath, [program, '--seed', '1', '--minutes', '0.05', '--processes', '2', ...args])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })))
}

serial('processes and threads that share files read what was written', async (t) => {
  const { code, output } = await soak()
  t.is(code, 0, output)
  t.regex(output, /^\d+ passed, 0 failed$/m)
})

for (const [file, found] of Object.entries({ records: /record \d+ is not what write \d+ stored/, fixed: /window/, counters: /counted/ })) {
  serial(`a byte that somebody else changes in ${file} is found`, async (t) => {
    const { code, output } = await soak('--corrupt', file)
    t.is(code, 1, output)
    t.regex(output, found)
  })
}
