"""The limits that are shipped. Whoever changes one changes this table, what is said of it, and what nests in it."""

from dataclasses import asdict, replace

from transforms.limits import LIMITS, MIB, Limits


def test_the_shipped_limits() -> None:
    assert asdict(LIMITS) == {
        "image_bytes": 15 * MIB,
        "pdf_bytes": 20 * MIB,
        "source_pixels": 65_000_000,
        "source_side": 16_383,
        "pdf_pages": 50,
        "files": 10,
        "order_files": 20,
        "order_lines": 50,
        "redactions": 50,
        "small_side": 800,
        "small_side_advice": 1_200,
        "dark_luminance": 60,
        "dark_luminance_advice": 70,
        "blurred_advice": 0.012,
        "pdf_dpi": 300,
        "pdf_pixels": 25_000_000,
        "output_side": 4_096,
        "output_pixels": 12_000_000,
        "tile_side": 2_048,
        "variant_bytes": 64 * MIB,
        "document_bytes": 200 * MIB,
        "stored_variants": 200,
        "proxy_pixels": 1_000_000,
        "intake_seconds": 0.4,
        "sweep_seconds": 2,
        "child_memory_bytes": 1024 * MIB,
        "child_threads": 16,
        "child_programs": 2,
        "child_cpu_seconds": 10,
        "child_ready_seconds": 5,
        "child_wall_seconds": 20,
        "child_idle_seconds": 3,
        "child_quiet_seconds": 15,
        "child_leisure_seconds": 0.1,
        "child_exit_seconds": 2,
        "zygote_start_seconds": 15,
    }


def test_limits_reach_another_process_as_they_are() -> None:
    own = replace(LIMITS, child_cpu_seconds=0.5, pdf_pages=2)

    assert Limits.from_json(own.to_json()) == own
