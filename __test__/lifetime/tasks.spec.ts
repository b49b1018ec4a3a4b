/** Closing while work is under way: it ends as if nothing had happened, or with Closed. */
import test from 'ava'
import { survives } from '../support/child.ts'
import { pattern, tempFile } from '../support/files.ts'

const matrix = new URL('../support/matrix.ts', import.meta.url).href

/** A program that can use the rows of the behaviour matrix, so that a new method is tried without a word here. */
const program = (body: string) => `
  await import('@oxc-node/core/register')
  const { MemoryMappedFile } = await import('#mmap-io')
  const { rows } = await import(${JSON.stringify(matrix)})
  const { setImmediate: turn } = await import('node:timers/promises')
  const fs = await import('node:fs')
  const [path] = process.argv.slice(1)
  const content = fs.readFileSync(path)
  const begin = (row, mapping) => {
    try {
      const result = row.call(mapping)
      if (result instanceof Promise) result.catch(() => {}) // looked at later
      return result
    } catch {
      return undefined
    }
  }
  const told = (error) => error.kind ?? error.code ?? String(error)
  const tried = new Set()
  const wrong = []
  ${body}
  console.log(JSON.stringify({ tried: tried.size, wrong }))`

interface Report {
  tried: number
  wrong: string[]
}

test('every promise method ends well when the mapping closes meanwhile', async (t) => {
  const body = `
    for (const row of rows) for (const detach of [true, false]) for (const turns of [0, 1, 5]) {
      fs.writeFileSync(path, content)
      const mapping = MemoryMappedFile.openRwSync(path)
      mapping.asSlice()
      const result = begin(row, mapping)
      if (result instanceof Promise) {
        for (let i = 0; i < turns; i++) await turn()
        mapping.close({ detach })
        const end = await result.then(() => 'ok', told)
        tried.add(row.title)
        if (!['ok', 'Closed', row.outcomes['read-write']].includes(end)) wrong.push(row.title + ': ' + end)
      }
      mapping.close()
    }`
  const { tried, wrong } = (await survives(t, program(body), tempFile(t, pattern(10_000)))) as Report
  t.deepEqual(wrong, [])
  t.true(tried >= 10, `${tried} promise methods`)
})

test('every iterator and stream fails with Closed at its next step, and never ends early', async (t) => {
  const body = `
    const next = {
      iterator: (value) => value.next(),
      stream: (value) => value.getReader().read(),
      readable: async (value) => { for await (const chunk of value) void chunk; return { done: false } },
      response: async (value) => { await value.arrayBuffer(); return { done: false } },
    }
    const kindOf = (value) =>
      value instanceof ReadableStream ? 'stream' : value instanceof Response && value.status === 200 ? 'response'
      : typeof value?.pipe === 'function' ? 'readable' : typeof value?.next === 'function' ? 'iterator' : undefined
    const lazy = [
      ...rows.filter((row) => !row.title.endsWith('past the end')), // they have nothing left to fail for
      { title: 'chunks()', call: (m) => m.chunks(3000) },
      { title: 'pages()', call: (m) => m.pages() },
      { title: 'lines()', call: (m) => m.lines() },
      { title: 'chunksMut()', call: (m) => m.chunksMut(3000)[Symbol.iterator]() },
    ]
    // The file is longer than what a response copies at once.
    for (const row of lazy) for (const detach of [true, false]) {
      // A file for each: the task of one row may cut it.
      const own = path + row.title.replaceAll('/', '') + detach
      fs.writeFileSync(own, content)
      const mapping = MemoryMappedFile.openRwSync(own)
      const value = begin(row, mapping)
      const kind = kindOf(value)
      value?.on?.('error', () => {})
      mapping.close({ detach })
      if (kind === undefined) continue
      tried.add(row.title)
      const end = await (async () => (await next[kind](value)).done)().then((done) => 'done: ' + done, told)
      if (end !== 'Closed') wrong.push(row.title + ': ' + end)
    }`
  const { tried, wrong } = (await survives(t, program(body), tempFile(t, pattern(100_000)))) as Report
  t.deepEqual(wrong, [])
  t.true(tried >= 8, `${tried} iterators and streams`)
})

test('tasks that wait for a thread when the mapping closes end well, too', async (t) => {
  const body = `
    for (const detach of [true, false]) {
      const mapping = MemoryMappedFile.openRwSync(path)
      mapping.asSlice()
      const results = []
      // The pool has four threads.
      for (let i = 0; i < 20; i++) for (const row of rows) {
        if (/close|ispose|resize/.test(row.title)) continue
        const result = begin(row, mapping)
        if (result instanceof Promise) results.push(result.then(() => 'ok', told).then((end) => {
          tried.add(row.title)
          if (!['ok', 'Closed', row.outcomes['read-write']].includes(end)) wrong.push(row.title + ': ' + end)
        }))
      }
      mapping.close({ detach })
      await Promise.all(results)
    }`
  const { tried, wrong } = (await survives(t, program(body), tempFile(t, pattern(10_000)))) as Report
  t.deepEqual(wrong, [])
  t.true(tried >= 8, `${tried} promise methods`)
})
