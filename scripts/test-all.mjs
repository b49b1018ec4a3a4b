// Runs all tests: the Rust ones, then the JavaScript ones on this Node and on each of .ci/nodes, in each view mode that can be had there.
//
//   --newest, --this    JavaScript only, on the newest of .ci/nodes or on this Node
//   --view MODE         in this view mode only; 'auto' is the default mode
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { buildWhatIsOld, testJavaScript } from './lib/javascript-tests.mjs'
import { installNodes } from './lib/nodes.mjs'
import { root } from './lib/run.mjs'
import { testRust } from './lib/rust-tests.mjs'
import { Tally } from './lib/tally.mjs'

const { values } = parseArgs({ options: { newest: { type: 'boolean' }, this: { type: 'boolean' }, view: { type: 'string' } } })
const sum = new Tally()
try {
  await buildWhatIsOld()
  if (!values.newest && !values.this) sum.add(await testRust())
  for (const node of await nodes()) {
    for (const view of values.view ? [values.view] : viewsOf(node)) await testOn(node, view)
  }
} catch (error) {
  sum.break(error.message)
}
sum.conclude()

async function nodes() {
  if (values.this) return [process.execPath]
  const others = await installNodes({ newestOnly: values.newest })
  if (others.length === 0) console.log('.ci/nodes has no Node for this platform')
  return values.newest ? others : [process.execPath, ...others]
}

/** 'auto' stands for the default; the other modes are forced by the test hook that CONTRIBUTING describes. */
function viewsOf(node) {
  const program =
    "const { capabilities: c } = await import('#mmap-io'); console.log(c.views.filter((view) => view !== c.defaultView).join(' '))"
  const others = execFileSync(node, ['--input-type=module', '--eval', program], { cwd: root, encoding: 'utf8' })
  return ['auto', ...others.split(/\s+/).filter(Boolean)]
}

async function testOn(node, view) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  console.log(`\n== Node ${version}, view ${view}`)
  const started = performance.now()
  const tally = await testJavaScript({ node, env: view === 'auto' ? {} : { MMAP_IO_VIEW: view } })
  console.log(
    `-- ${tally.passed} passed and ${tally.failed} failed on Node ${version}, view ${view}, in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  )
  sum.add(tally)
}
