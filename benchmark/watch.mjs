/** The benchmark of watching: `npm run bench:watch`, with `-- --quick` to see that it works. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, watch, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { MemoryMappedFile } from '#mmap-io'
import { machine } from './lib/machine.mjs'
import { rivalPackage, Skip } from './lib/rivals.mjs'
import { quantile } from './lib/stats.mjs'
import { table } from './lib/table.mjs'

/** Longest time that a change may take to be told, in milliseconds. */
const PATIENCE = 10_000

/** Each starts watching a file, calls `heard` at every change, and gives a function that ends it. */
const sides = {
  'mmap-io': async (path, heard) => {
    const mapping = MemoryMappedFile.openRoSync(path)
    mapping.watch(heard)
    return () => mapping.close()
  },
  'fs.watch': async (path, heard) => {
    const watcher = watch(path, heard)
    return () => watcher.close()
  },
  chokidar: async (path, heard) => {
    const { watch: start } = await rivalPackage('chokidar')
    const watcher = start(path, { ignoreInitial: true }).on('change', heard)
    await once(watcher, 'ready')
    return () => watcher.close()
  },
}

/** From a write of one byte to the listener, in microseconds, `count` times on each side, which take turns. */
async function latencies(folder, count) {
  const runs = []
  for (const [name, start] of Object.entries(sides)) {
    const path = join(folder, name, 'file.bin')
    mkdirSync(join(folder, name))
    writeFileSync(path, Buffer.alloc(4096))
    const run = { name, fd: openSync(path, 'r+'), times: [], heard: () => {} }
    try {
      run.stop = await start(path, () => run.heard())
      runs.push(run)
    } catch (error) {
      if (!(error instanceof Skip)) throw error
      console.error(`${name} left out: ${error.message}`)
    }
  }
  for (let round = 0; round < count; round++) {
    for (const run of [...runs.slice(round % runs.length), ...runs.slice(0, round % runs.length)]) {
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${run.name} never told change ${round}`)), PATIENCE)
        run.heard = () => {
          run.times.push(Number(process.hrtime.bigint() - begin) / 1000)
          run.heard = () => {}
          clearTimeout(timer)
          resolve()
        }
        const begin = process.hrtime.bigint()
        writeSync(run.fd, Buffer.of(round), 0, 1, round % 4096)
      })
      // chokidar leaves out a change that comes within 50 ms of another of the same file: two turns, at the least.
      await sleep(30)
    }
  }
  for (const { stop, fd } of runs) {
    await stop()
    closeSync(fd)
  }
  return runs.map(({ name, times }) => ({ name, median: quantile(times, 0.5), p99: quantile(times, 0.99) }))
}

/** Milliseconds of CPU time that a process with `count` idle watches takes in a second, all its threads together. */
async function idle(name, folder, count, seconds) {
  let told = 0
  const paths = Array.from({ length: count }, (_, number) => join(folder, `${number}.bin`))
  for (const path of paths) writeFileSync(path, 'content')
  const stops = await Promise.all(paths.map((path) => sides[name](path, () => told++)))
  await sleep(1000)
  const before = process.cpuUsage()
  await sleep(seconds * 1000)
  const { user, system } = process.cpuUsage(before)
  // They were watching.
  told = 0
  for (const path of paths) writeFileSync(path, 'changed')
  const limit = performance.now() + PATIENCE
  while (told < count) {
    if (performance.now() > limit) throw new Error(`${name} told ${told} of ${count} changes`)
    await sleep(10)
  }
  await Promise.all(stops.map((stop) => stop()))
  return (user + system) / 1000 / seconds
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, idle: { type: 'string' }, folder: { type: 'string' } },
})
const { quick } = values
const [count, watches, seconds] = quick ? [50, 50, 1] : [1000, 500, 20]

if (values.idle !== undefined) {
  // The process of one side.
  console.log(await idle(values.idle, values.folder, watches, seconds))
} else {
  const folder = mkdtempSync(join(tmpdir(), 'mmap-io-bench-'))
  try {
    const { date, node, cpu, cores, system, temporaryFolder } = machine(folder)
    console.log(`${date}, Node ${node}, ${cpu} (${cores} cores), ${system}, files on ${temporaryFolder}\n`)
    const rows = []
    for (const { name, median, p99 } of await latencies(folder, count)) {
      const own = join(folder, `${name}-idle`)
      mkdirSync(own)
      const args = [import.meta.filename, '--idle', name, '--folder', own, ...(quick ? ['--quick'] : [])]
      const { stdout } = await promisify(execFile)(process.execPath, args)
      rows.push([name, `${median.toFixed(0)} us`, `${p99.toFixed(0)} us`, `${Number(stdout).toFixed(2)} ms/s`])
    }
    console.log(table(['', `write to listener, median of ${count}`, '99 %', `CPU time of ${watches} idle watches`], rows))
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
