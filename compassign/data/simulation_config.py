"""What a simulated world looks like: every number that the simulator uses, with unit and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from compassign.chemistry.adducts import default_adducts
from compassign.errors import InputError
from compassign.tables import POLARITIES

_RT_WEIGHTS = MappingProxyType(
    {"logp_crippen": 0.50, "n_heavy_atoms": 0.15, "tpsa_a2": -0.15, "n_basic_groups": -0.12, "n_aromatic_rings": 0.08}
)
_ADDUCT_WEIGHTS = MappingProxyType(
    {
        "[M+H]+": 1.0,
        "[M+Na]+": 0.35,
        "[M+NH4]+": 0.12,
        "[M+K]+": 0.08,
        "[M+H-H2O]+": 0.25,
        "[M+2H]2+": 0.01,
        "[2M+H]+": 0.05,
        "[M-H]-": 1.0,
        "[M+Cl]-": 0.15,
        "[M+HCOO]-": 0.30,
        "[M-H-H2O]-": 0.08,
        "[M-2H]2-": 0.01,
        "[2M-H]-": 0.08,
    }
)


@dataclass(frozen=True)
class InjectionNoise:
    """How injections measure.

    mass_offset_sd_ppm : spread of the mass offset of injections. mass_scale_median_ppm, mass_scale_log_sd :
        Student-t scale of the mass errors, lognormal over injections. drift_sd_min : spread of the RT drift of
        injections. rt_scale_min : Student-t scale of the RT of one peak. degrees_of_freedom : of both.
        mass_window_ppm : mass errors are drawn inside this window, as the model's density is.
    """

    mass_offset_sd_ppm: float = 1.5
    mass_scale_median_ppm: float = 2.1
    mass_scale_log_sd: float = 0.2
    drift_sd_min: float = 0.1
    rt_scale_min: float = 0.05
    degrees_of_freedom: float = 4.0  # heavier tails than a bell: shoulders, interferences
    mass_window_ppm: float = 15.0


@dataclass(frozen=True)
class Chromatography:
    """How retention times follow from structure.

    dead_time_min, gradient_min : first and last minutes in which compounds elute. weights : descriptor -> effect of one
        standard deviation (over all bundled metabolites) on the score; RT is a smooth, saturating function of it.
    compound_sd_min : what the descriptors cannot say. cluster_sd_min, species_sd_min : shifts of a cluster and of a
        species in it (its matrix).
    """

    dead_time_min: float = 1.5
    gradient_min: float = 20.0
    weights: Mapping[str, float] = field(default_factory=lambda: _RT_WEIGHTS)
    compound_sd_min: float = 0.35
    cluster_sd_min: float = 0.15
    species_sd_min: float = 0.08


@dataclass(frozen=True)
class Presence:
    """Which compounds are in which species: log odds = mean + compound + compound in cluster + compound in species.

    unlisted_share : share of the compounds that are present somewhere and are withheld from the library.
    known_in_sensitivity : probability that `known_in` names a species which has the compound. known_in_false_share :
        a species which lacks it.
    """

    log_odds_mean: float = -2.0
    compound_sd: float = 1.2
    cluster_sd: float = 0.8
    species_sd: float = 0.5
    unlisted_share: float = 0.10
    known_in_sensitivity: float = 0.7
    known_in_false_share: float = 0.05


@dataclass(frozen=True)
class Intensities:
    """How strong ions are and which of them are detected; logs are natural.

    log_mean : main ion of a typical compound. compound_sd, ion_sd, injection_sd : spread of log intensity over
        compounds, over the ions of a compound, and over injections. adduct_weights : typical intensity as a share of
        the main ion's.
    log_threshold, log_slope : an ion of this log intensity is detected half of the time; how fast that changes.
    isotope_log_sd : spread of an isotope peak around its natural share.
    """

    log_mean: float = 12.0
    compound_sd: float = 1.0
    ion_sd: float = 0.6
    injection_sd: float = 0.3
    adduct_weights: Mapping[str, float] = field(default_factory=lambda: _ADDUCT_WEIGHTS)
    log_threshold: float = 11.0
    log_slope: float = 0.3
    isotope_log_sd: float = 0.1


@dataclass(frozen=True)
class Background:
    """Peaks that come from no compound.

    share : of all peaks, isotope peaks apart. near_library_share : of them, how many lie inside the mass window of a
        library ion.
    mz_low, mz_high : the others' range. rt_bandwidth_min : they elute around where compounds do. log_intensity_mean,
        log_intensity_sd : of natural logs.
    """

    share: float = 0.25
    near_library_share: float = 0.6
    mz_low: float = 70.0
    mz_high: float = 900.0
    rt_bandwidth_min: float = 0.7
    log_intensity_mean: float = 11.0
    log_intensity_sd: float = 0.8


@dataclass(frozen=True)
class SimulationConfig:
    """A simulated study: which compounds, species and injections, and how each kind of randomness is spread.

    name : shown to the user. polarities : each species has `n_injections` in each.
    families : of the bundled metabolites, () = all. n_compounds : how many of them the world has, None = all.
    n_species, n_clusters : species are dealt to the clusters in turn.
    n_calibrants : library compounds whose RT is known in every injection. calibrant_present_odds : how much likelier
        one that is present is chosen, as standards and confirmed peaks are of what samples contain.
    calibrant_crowding : 0 = no matter how many isomers could be mistaken for it; 1 = as much likelier as there are
        more.

    Raises InputError that lists every value that no world can have.
    """

    name: str = "simulation"
    polarities: tuple[str, ...] = ("positive",)
    families: tuple[str, ...] = ()
    n_compounds: int | None = None
    n_species: int = 4
    n_clusters: int = 2
    n_injections: int = 2
    n_calibrants: int = 40
    calibrant_present_odds: float = 4.0
    calibrant_crowding: float = 1.0
    noise: InjectionNoise = InjectionNoise()
    chromatography: Chromatography = Chromatography()
    presence: Presence = Presence()
    intensities: Intensities = Intensities()
    background: Background = Background()

    def __post_init__(self) -> None:
        """Refuse values that no world can have."""
        problems = [
            f"{name} = {value}: expected {expected}" for name, value, expected, is_good in _rules(self) if not is_good
        ]
        if problems:
            raise InputError(problems)


def _rules(config: SimulationConfig) -> list[tuple[str, object, str, bool]]:
    """Name, value, what is expected, and whether it holds, of every rule."""
    counts = ("n_species", "n_clusters", "n_injections")
    shares = {
        "unlisted_share": config.presence.unlisted_share,
        "known_in_sensitivity": config.presence.known_in_sensitivity,
        "known_in_false_share": config.presence.known_in_false_share,
        "background share": config.background.share,
        "near_library_share": config.background.near_library_share,
    }
    spreads = {
        "mass_scale_median_ppm": config.noise.mass_scale_median_ppm,
        "rt_scale_min": config.noise.rt_scale_min,
        "degrees_of_freedom": config.noise.degrees_of_freedom,
        "mass_window_ppm": config.noise.mass_window_ppm,
        "log_slope": config.intensities.log_slope,
    }
    window = (config.chromatography.dead_time_min, config.chromatography.gradient_min)
    is_polarity = bool(config.polarities) and all(polarity in POLARITIES for polarity in config.polarities)
    missing = (
        [
            a.name
            for p in config.polarities
            for a in default_adducts(p)
            if a.name not in config.intensities.adduct_weights
        ]
        if is_polarity
        else []
    )
    return [
        *((name, getattr(config, name), "at least 1", getattr(config, name) >= 1) for name in counts),
        ("n_calibrants", config.n_calibrants, "0 or more", config.n_calibrants >= 0),
        (
            "n_compounds",
            config.n_compounds,
            "at least 1, or None",
            config.n_compounds is None or config.n_compounds >= 1,
        ),
        ("polarities", config.polarities, f"one or more of {POLARITIES}", is_polarity),
        ("adduct_weights lack", missing, "a weight for every default adduct", not missing),
        ("dead time and gradient", window, "minutes, 0 < first < last", 0 < window[0] < window[1]),
        *((name, value, "a share from 0 to less than 1", 0 <= value < 1) for name, value in shares.items()),
        *((name, value, "more than 0", value > 0) for name, value in spreads.items()),
    ]
