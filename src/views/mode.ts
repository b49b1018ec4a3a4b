/** Which view mode a mapping gets: the one place where that is decided. */
import { externalProbe } from '#binding'
import type { ViewMode } from '../enums.ts'
import { MmapIoError } from '../errors.ts'

/**
 * A test hook, documented in CONTRIBUTING: a view mode stands in for 'auto'; 'no-external' makes this runtime one that refuses
 * external buffers, as Electron does.
 */
const hook = process.env.MMAP_IO_VIEW

// Asked of the runtime itself, by the status of its answer, never by its name or version.
const external = hook !== 'no-external' && externalProbe() !== undefined

/** The modes that can be had here. */
export const views: readonly ViewMode[] = external ? ['external'] : []

/** What 'auto' means here. */
export const defaultView: ViewMode = views.find((mode) => mode === hook) ?? 'external'

const reasons: Record<ViewMode, string> = {
  external: 'this runtime refuses external array buffers, as Electron does',
  shared: 'this version of mmap-io has no shared views',
  wasm: 'this version of mmap-io has no views over WebAssembly memory',
  copy: 'this version of mmap-io has no copying views',
}

export function chooseView(wanted: 'auto' | ViewMode): ViewMode {
  const asked = hook !== undefined && hook in reasons ? (hook as ViewMode) : defaultView
  const mode = wanted === 'auto' ? asked : wanted
  if (views.includes(mode)) return mode
  const instead = views.length > 0 ? `use ${views.map((view) => `'${view}'`).join(' or ')}` : 'no view mode is available here'
  throw new MmapIoError('Unsupported', `View mode '${mode}' cannot be had: ${reasons[mode]}; ${instead}`)
}
