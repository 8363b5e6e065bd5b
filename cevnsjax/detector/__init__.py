"""From recoil energy to what is counted: quenching, efficiency, resolution, response matrix."""
