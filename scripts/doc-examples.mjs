// Checks that every public item of the Rust library has an example in its documentation that `cargo test --doc` runs: modules, types,
// functions and constants, methods included. rustdoc's own lint does not look behind re-exports.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './lib/run.mjs'
import { Tally } from './lib/tally.mjs'

const target = join(root, 'target', 'doc-examples') // another compiler setting: it must not make the usual builds start anew
const { ok } = await run(
  'cargo',
  ['rustdoc', '--quiet', '--locked', '--package=mmap-io-core', '--all-features', '--', '-Zunstable-options', '--output-format=json'],
  { env: { CARGO_TARGET_DIR: target, RUSTC_BOOTSTRAP: '1' } }, // the format is for nightly compilers
)
if (!ok) throw new Error('rustdoc failed')
const { root: library, index } = JSON.parse(readFileSync(join(target, 'doc', 'mmap_io.json'), 'utf8'))

const sum = new Tally()
const seen = new Set()
look(library, [])
sum.conclude()

function look(id, path) {
  const item = index[id] // undefined for what another crate defines
  if (!item || seen.has(id)) return
  seen.add(id)
  const [[kind, inner]] = Object.entries(item.inner)
  if (kind === 'use') return look(inner.id, path)
  if (kind.startsWith('assoc_') || inner.trait) return // given by a trait
  const name = kind === 'impl' ? path : [...path, item.name]
  if (kind !== 'impl') count(item, name.join('::'))
  for (const child of [...(inner.items ?? []), ...(inner.impls ?? [])]) if (isPublic(child)) look(child, name)
}

function count({ docs, span }, name) {
  const found = hasExample(docs ?? '')
  sum[found ? 'passed' : 'failed'] += 1
  if (!found) console.error(`${span.filename}:${span.begin[0]}: ${name} has no example`)
}

/** Implementations have no visibility of their own. */
function isPublic(id) {
  return ['public', 'default'].includes(index[id]?.visibility)
}

/** Whether there is a block of code that rustdoc compiles and runs. */
function hasExample(docs) {
  const fences = docs.split('\n').filter((line) => line.trimStart().startsWith('```'))
  return fences.some((fence, number) => number % 2 === 0 && /^(rust|should_panic)?$/.test(fence.trim().slice(3)))
}
