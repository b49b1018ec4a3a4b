// Runs the tests, the Rust ones and then the JavaScript ones, and ends with the sum of both.
//
//   node scripts/test.mjs [--rust | --js] [--node PATH] [ARGUMENT FOR AVA...]
import { parseArgs } from 'node:util'
import { buildWhatIsOld, testJavaScript } from './lib/javascript-tests.mjs'
import { testRust } from './lib/rust-tests.mjs'
import { Tally } from './lib/tally.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rust: { type: 'boolean' }, js: { type: 'boolean' }, node: { type: 'string' } },
})
const onlyJavaScript = values.js || values.node !== undefined || positionals.length > 0
const sum = new Tally()
if (!onlyJavaScript) sum.add(await testRust())
if (!values.rust) {
  try {
    await buildWhatIsOld()
    sum.add(await testJavaScript({ node: values.node, select: positionals }))
  } catch (error) {
    sum.break(error.message)
  }
}
sum.conclude()
