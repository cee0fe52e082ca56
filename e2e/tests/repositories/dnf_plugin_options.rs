//! Options of `.repo` files keep their meaning behind the plugin, and failures are explained.
