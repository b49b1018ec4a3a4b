/** Workers that are terminated and processes that exit, at every point of every method. */
import { truncateSync } from 'node:fs'
import test from 'ava'
import { prelude, run, survives } from '../support/child.ts'
import { pattern, tempFile } from '../support/files.ts'
import { workers } from '../support/worker.ts'

const matrix = new URL('../support/matrix.ts', import.meta.url).href

/** Begins every call of the behaviour matrix on mappings of `path`, again and again, and tells each to `before` first. */
const busy = (path: string, before: string) => `
  await import('@oxc-node/core/register')
  const { MemoryMappedFile } = await import('#mmap-io')
  const { rows } = await import(${JSON.stringify(matrix)})
  const { setImmediate: turn } = await import('node:timers/promises')
  globalThis.kept = []
  for (let round = 0; ; round++) {
    for (const row of rows) {
      ${before}
      // A resize cuts the file under the other mappings of it.
      if (row.title.startsWith('resize')) continue
      const mapping = MemoryMappedFile[['openRwSync', 'openRoSync', 'openCowSync'][round % 3]](${path})
      kept.push(mapping)
      if (kept.length > 50) kept.shift()
      try {
        const result = row.call(mapping)
        result?.catch?.(() => {})
        result?.on?.('error', () => {}).resume?.()
        kept.push(result)
      } catch {}
      if (round % 2 === 0) await turn()
    }
  }`

test('a worker that is terminated in the middle of any call takes nothing down and leaves nothing open', async (t) => {
  const program = `${prelude}${workers}
    const mine = MemoryMappedFile.openRwSync(path)
    const view = mine.asSlice()
    const content = Buffer.from(view)
    for (let point = 1; point <= 12; point++) {
      const worker = new Worker(${JSON.stringify(`
        import { parentPort, workerData } from 'node:worker_threads'
        ${busy('workerData', 'parentPort.postMessage(row.title)')}`)}, { eval: true, workerData: path })
      // The worker is some calls further by the time it is heard of.
      for (let heard = 0; heard < point * 11; heard++) await once(worker, 'message')
      await worker.terminate()
    }
    await collect()
    mine.updateRegion(0, content)
    print([descriptorsOf(path), view.length, Buffer.compare(view, content)])`
  const [left, length, order] = (await survives(t, program, tempFile(t, pattern(10_000)))) as number[]
  t.deepEqual([length, order], [10_000, 0])
  if (process.platform === 'linux') t.is(left, 1, 'the descriptor of the mapping that is open')
})

test('a process that exits in the middle of any call ends as it wants to', async (t) => {
  const path = tempFile(t, pattern(10_000))
  for (let first = 0; first < 8; first += 4) {
    const points = [0, 1, 2, 3].map((at) => 1 + (first + at) * 17)
    await Promise.all(
      points.map(async (point) => {
        const program = `const [path] = process.argv.slice(1); let calls = 0
          ${busy('path', `if (++calls === ${point}) process.exit(7)`)}`
        const { code, signal, stderr } = await run(program, [path])
        t.deepEqual([code, signal], [7, null], `call ${point}: ${stderr}`)
      }),
    )
  }
})

test('a process that exits in the middle of a long task does not wait for it', async (t) => {
  // Searching or loading so much takes minutes.
  const path = tempFile(t, '')
  truncateSync(path, 2 ** 40)
  for (const task of ["search('x')", 'touchPages()', 'touchPages(undefined, { signal: new AbortController().signal })']) {
    const program = `${prelude}
      MemoryMappedFile.openRoSync(path).${task}
      setImmediate(() => process.exit(7))`
    const { code, signal, stderr } = await run(program, [path])
    t.deepEqual([code, signal, stderr], [7, null, ''], task)
  }
})

test('neither a worker that is terminated nor a process that exits waits for long tasks of workers', async (t) => {
  const path = tempFile(t, '')
  truncateSync(path, 2 ** 40)
  const program = `${prelude}${workers}
    const start = async () => {
      const worker = new Worker(${JSON.stringify(`
        import { parentPort, workerData } from 'node:worker_threads'
        import { MemoryMappedFile } from '#mmap-io'
        const mapping = MemoryMappedFile.openRoSync(workerData)
        mapping.search('x')
        mapping.touchPages()
        parentPort.postMessage('started')`)}, { eval: true, workerData: path })
      await once(worker, 'message')
      return worker
    }
    await (await start()).terminate()
    await start()
    process.exit(7)`
  const { code, signal, stderr } = await run(program, [path])
  t.deepEqual([code, signal, stderr], [7, null, ''])
})

test('a worker that exits by itself in the middle of any call ends alone', async (t) => {
  const program = `${prelude}${workers}
    const ends = new Set()
    for (let point = 1; point < 120; point += 23) {
      const worker = new Worker(${JSON.stringify(`
        import { workerData } from 'node:worker_threads'
        let calls = 0
        ${busy('workerData.path', 'if (++calls === workerData.point) process.exit(5)')}`)}, { eval: true, workerData: { path, point } })
      const [code] = await once(worker, 'exit')
      ends.add(code)
    }
    print([...ends])`
  t.deepEqual(await survives(t, program, tempFile(t, pattern(10_000))), [5])
})
