/** A short run of `npm run fuzz`, always the same one, and proof that it finds what it looks for. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'

function fuzz(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; output: string }> {
  const program = join(import.meta.dirname, '..', 'scripts', 'fuzz.mjs')
  const child = spawn(process.execPath, [program, '--seed', '1', ...args], { env: { ...process.env, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })))
}

for (const surface of ['api', 'binding']) {
  test(`random calls of the ${surface} leave the process alive, and fail with errors of ours`, async (t) => {
    const { code, output } = await fuzz(['--surface', surface, '--calls', '2000'])
    t.is(code, 0, output)
    const [, seen, silent] = /^(\d+) functions and members, of which (\d+) never gave a value/m.exec(output) ?? []
    t.true(Number(seen) > 40, output)
    t.true(Number(silent) < Number(seen) / 2, output)
  })
}

const planted: [plant: string, found: RegExp][] = [
  ['signal', /signal SIGSEGV/],
  ['error', /misuse without a code of ours: TypeError/],
  ['rejection', /neither an MmapIoError nor misuse: Error: planted/],
  ['store', /a file that is only mapped privately has changed/],
]

for (const [plant, found] of planted) {
  test(`a planted ${plant} is found, and told with what leads to it again`, async (t) => {
    const { code, output } = await fuzz(['--surface', 'api', '--calls', '3'], { FUZZ_PLANT: plant })
    t.is(code, 1, output)
    t.regex(output, found)
    t.regex(output, /Again: npm run fuzz -- --seed 1 --surface api --first \d+ --calls \d+/)
    t.regex(output, /^0 passed, 1 failed$/m)
  })
}
