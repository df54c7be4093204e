import type { ComponentState, DesignState, LiveLayout } from '@msgalaxy/client';

/** What never changes of a component, and no event tells. */
type Fixed = 'name' | 'mass' | 'power' | 'category';

/** A component of a layout in view. */
export type LayoutComponent = Omit<ComponentState, Fixed> & Partial<Pick<ComponentState, Fixed>>;

/** A layout in view: a design state, or as much of one as events tell. */
export interface LayoutState extends Pick<DesignState, 'iteration' | 'envelope' | 'keepouts'> {
  components: LayoutComponent[];
  metadata: Pick<DesignState['metadata'], 'metrics' | 'constraints'>;
}

/** The layout that an event tells of, with what is known of its components. */
export function layoutOf(iteration: number, told: LiveLayout, known: DesignState | null): LayoutState {
  const { components, envelope, keepouts, constraints } = told;
  const fixed = new Map(known?.components.map(({ id, name, mass, power, category }) => [id, { name, mass, power, category }]));
  return {
    iteration,
    envelope,
    keepouts,
    components: components.map((component) => ({ ...fixed.get(component.id), ...component })),
    metadata: { constraints },
  };
}
