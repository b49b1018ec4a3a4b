import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { MemoryMappedFile } from '#mmap-io'
import { cell, rows, states } from './support/matrix.ts'

for (const { title, call, twin, outcomes } of rows) {
  test(`${title} ends as the contract says in every state`, async (t) => {
    const ends = await Promise.all(states.map(async (state) => [state, await cell(call, state)]))
    t.deepEqual(Object.fromEntries(ends), outcomes)
  })

  if (twin) {
    test(`${title} fails like its Sync twin`, async (t) => {
      for (const state of states) t.is(await cell(twin, state), outcomes[state], state)
    })
  }
}

test('a worker gives the same matrix', async (t) => {
  const worker = new Worker(new URL('./support/matrix-worker.ts', import.meta.url))
  const [ends] = await once(worker, 'message')
  await worker.terminate()
  const expected = rows.flatMap(({ title, outcomes }) => states.map((state) => [`${title}: ${state}`, outcomes[state]]))
  t.deepEqual(ends, Object.fromEntries(expected))
})

test('every method of a mapping has a row', (t) => {
  const members = Object.entries(Object.getOwnPropertyDescriptors(MemoryMappedFile.prototype))
  const methods = members.filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
  const calls = rows.map(({ call, twin }) => `${call} ${twin ?? ''}`).join('\n')
  t.true(methods.length > 10)
  for (const [method] of methods) t.regex(calls, new RegExp(`m\\.${method}\\(`), method)
})
