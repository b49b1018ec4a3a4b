// The JavaScript tests, by ava.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './run.mjs'
import { TapReader } from './tap.mjs'

const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs')

/** Runs the tests on the Node binary `node`: all, or what the arguments `select` for ava. */
export async function testJavaScript({ node = process.execPath, select = [], env = {} } = {}) {
  const tally = new TapReader()
  const { end, ok } = await run(node, [ava, '--tap', ...select], { env, render: (line) => tally.read(line) })
  if (tally.failures.length > 0) console.error(`\nFailed:\n${tally.failures.map((title) => `  ${title}`).join('\n')}`)
  if (!ok && tally.failed === 0) tally.break(`ava ended with ${end}`)
  if (tally.passed + tally.failed === 0) tally.break('ava ran no test')
  return tally
}

/** Compiles the TypeScript where it changed since the last time, and says so where the addon is older than its sources. */
export async function buildWhatIsOld() {
  const addon = newest(root, 1, '.node')
  if (addon === 0) throw new Error('The addon is not built: run `npm ci`')
  if (addon < newest(join(root, 'crates'), 9, '.rs'))
    console.error('The Rust sources changed after the addon was built: `npm run build:native` builds it anew\n')
  const sources = Math.max(newest(join(root, 'src'), 9, '.ts'), newest(root, 1, 'index.ts'), newest(root, 1, 'tsconfig.json'))
  if (newest(join(root, 'dist'), 1, 'index.js') > sources) return
  const { ok } = await run(process.execPath, [join(root, 'scripts', 'build-ts.mjs')])
  if (!ok) throw new Error('The TypeScript sources do not compile')
}

/** Time of the last change of a file below `folder`, at most `depth` folders deep, whose name ends so; 0 where there is none. */
function newest(folder, depth, ending) {
  let time = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && depth > 1) time = Math.max(time, newest(path, depth - 1, ending))
    if (entry.isFile() && entry.name.endsWith(ending)) time = Math.max(time, statSync(path).mtimeMs)
  }
  return time
}
