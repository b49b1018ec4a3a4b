// The addon under the address sanitizer, in an ordinary Node: the sanitizer's library comes before all others, and Node's own memory is
// watched with it. Works with the library of GCC. Leaks are not told, because Node frees little at its end; faults go to Node's handlers.
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { buildWhatIsOld } from './javascript-tests.mjs'
import { root, run } from './run.mjs'
import { runCargo } from './rust-tests.mjs'
import { Tally } from './tally.mjs'
import { TapReader } from './tap.mjs'

/** What the others test (limits, memory in use, locked pages) is not the same with a sanitizer, or takes too long. */
const specs = [
  ...[
    'arguments',
    'atomics',
    'bytes',
    'chunks',
    'manager',
    'matrix',
    'oracle',
    'resize',
    'search',
    'segment',
    'streams',
    'views',
    'watch',
    'workers',
  ],
  ...['lifetime/collection', 'lifetime/native-users', 'lifetime/tasks'],
]

/** Runs tests and random calls with the addon built for the sanitizer. Undefined where GCC has no library for it. */
export async function testSanitizedAddon(target, cargoEnvironment) {
  const library = spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout?.trim() ?? ''
  if (!isAbsolute(library)) return undefined
  await buildWhatIsOld()
  const built = new Tally()
  await runCargo(built, ['build', '--locked', '--package=mmap-io-node', `--target=${target}`], () => {}, cargoEnvironment)
  if (built.failed > 0) return built

  const tree = makeTree(join(cargoEnvironment.CARGO_TARGET_DIR, target, 'debug', 'libmmap_io_node.so'), cargoEnvironment.CARGO_TARGET_DIR)
  const env = {
    LD_PRELOAD: realpathSync(library),
    ASAN_OPTIONS: 'detect_leaks=0:handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1',
  }
  const tests = new TapReader()
  const files = specs.map((name) => join('__test__', `${name}.spec.ts`))
  const ava = join('node_modules', 'ava', 'entrypoints', 'cli.mjs')
  const { ok, end } = await run(process.execPath, [ava, '--tap', '--timeout=5m', ...files], {
    cwd: tree,
    env,
    render: (line) => tests.read(line),
  })
  if (!ok && tests.failed === 0) tests.break(`ava ended with ${end}`)
  for (const surface of ['api', 'binding']) {
    const { ok } = await run(process.execPath, ['scripts/fuzz.mjs', '--sanitized', '--seed=1', `--surface=${surface}`, '--calls=5000'], {
      cwd: tree,
      env,
    })
    tests[ok ? 'passed' : 'failed'] += 1
  }
  return tests
}

/** The package with this addon: tests and modules look for it beside themselves. */
function makeTree(addon, folder) {
  const tree = join(folder, 'tree')
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true })
  const names = readdirSync(root).filter((name) => /\.(ts|js)$|^(package\.json|dist|src|scripts|__test__)$/.test(name))
  for (const name of names) cpSync(join(root, name), join(tree, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  const { main } = JSON.parse(readFileSync(join(root, 'npm', 'linux-x64-gnu', 'package.json'), 'utf8'))
  copyFileSync(addon, join(tree, main))
  return tree
}
