/** The garbage collector among thousands of mappings, on several threads. */
import { prelude, survives } from '../support/child.ts'
import { onLinux } from '../support/conditions.ts'
import { pattern, tempFile } from '../support/files.ts'
import { workers } from '../support/worker.ts'

onLinux('thousands of mappings on several threads, closed, dropped, given away and kept, read right and are all released', async (t) => {
  const body = `
    const { setImmediate: turn } = await import('node:timers/promises')
    const { MemoryMappedFile } = await import('#mmap-io')
    // What a function held goes when it returns; what the frame of a module holds stays.
    const use = async () => {
      const kept = []
      for (let i = 0; i < 3000; i++) {
        const mapping = MemoryMappedFile[['openRoSync', 'openRwSync', 'openCowSync'][i % 3]](path, { offset: i % 5000 })
        const view = mapping.asSlice(0, 100)
        if (view[0] !== content[i % 5000]) throw new Error('a view reads ' + view[0])
        if (i % 7 === 0) kept.push({ view, at: i % 5000 })
        if (kept.length > 40) {
          const { view: old, at } = kept.shift()
          if (old[0] !== content[at]) throw new Error('an old view reads ' + old[0])
        }
        if (i % 7 !== 0 && i % 2 === 0) mapping.close({ detach: i % 4 === 0 })
        if (i % 11 === 1 && i % 7 !== 0) {
          const { buffer } = mapping.closed ? new Uint8Array(1) : mapping.asSlice(1, 1)
          if (buffer instanceof ArrayBuffer) try { kept.moved = buffer.transfer?.() } catch {}
        }
        if (i % 300 === 299) { globalThis.gc?.(); await turn() }
      }
    }
    await use()`
  const program = `${prelude}${workers}
    const content = fs.readFileSync(path)
    const started = [1, 2, 3].map(() => new Worker(${JSON.stringify(`
      const { workerData: path } = await import('node:worker_threads')
      const content = (await import('node:fs')).readFileSync(path)
      ${body}`)}, { eval: true, workerData: path }))
    const ends = started.map((worker) => once(worker, 'exit'))
    ${body.replace(/const \{[^}]*\} = await import\([^)]*\)/g, '')}
    const codes = (await Promise.all(ends)).flat()
    await collect()
    print([codes, descriptorsOf(path), mapsOf(path)])`
  t.deepEqual(await survives(t, program, tempFile(t, pattern(20_000))), [[0, 0, 0], 0, 0])
})
