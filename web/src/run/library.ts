import type uPlotClass from 'uplot';
import source from 'uplot/dist/uPlot.iife.min.js?url';
import { lazyScript } from '../script';

const script = lazyScript<typeof uPlotClass>(source, 'uPlot');

/** The charting library once it is here. It comes beside the page, not with it. */
export const library = script.value;
/** Whether the last try to load it failed; the next one follows by itself. */
export const libraryFailed = script.failed;
/** Loads the charting library unless it is here or on its way. */
export const loadLibrary = script.load;
