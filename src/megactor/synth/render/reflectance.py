"""How surfaces and strands of hair answer light."""
# mypy: disallow-untyped-defs=false

import math

from megactor.synth.anatomy.subject import Material
from megactor.synth.jit import inlined
from megactor.synth.render import lighting

_SKIN, _HEAD, _EYE = int(Material.SKIN), int(Material.HEAD), int(Material.EYE)


@inlined
def light_surface(
    light, material, openness, reach, least_lit, point, normal, view, color, gloss, roughness, scattering, out
):
    """Writes the linear RGB of a surface that is not hair to `out`.

    Args:
        light: a `lighting.Light`.
        material: of `Material`.
        openness: part of the surroundings that is not hidden.
        reach: part of the light that gets to the surface at all.
        least_lit: part of the first lamp's light that no shadow takes away.
        point: position in the world, as the next three (x, y, z).
        normal: unit vector.
        view: unit vector towards the camera.
        color: linear RGB albedo.
        gloss: factor on the mirrored light, 1 = skin or plastic.
        roughness: 0 = mirror, 1 = chalk.
        scattering: 0 = plaster, 1 = fair skin.
        out: (3 or more,) array.
    """
    nx, ny, nz = normal
    vx, vy, vz = view
    open_part = openness * reach
    skin = material in (_SKIN, _HEAD)
    n_v = max(nx * vx + ny * vy + nz * vz, 0.05)
    # light that entered the skin elsewhere fills creases with red
    bleed = 0.2 * scattering * open_part * (1 - open_part)
    red = lighting.ambient_light(light.ambient, 0, nx, ny, nz) * (open_part + bleed)
    green = lighting.ambient_light(light.ambient, 1, nx, ny, nz) * open_part
    blue = lighting.ambient_light(light.ambient, 2, nx, ny, nz) * open_part
    crease = reach * math.sqrt(openness)
    white = 0.0
    mirrored_red, mirrored_green, mirrored_blue = 0.0, 0.0, 0.0
    for k in range(light.lamps.shape[0]):
        lx, ly, lz = light.lamps[k, 0], light.lamps[k, 1], light.lamps[k, 2]
        n_l = nx * lx + ny * ly + nz * lz
        if n_l < -0.35:
            continue
        lit = 1.0
        if k == 0:
            lit = lighting.lit_part(light, point[0], point[1], point[2], 0.35 + 0.25 * (1 - max(n_l, 0.0)))
            lit = least_lit + (1 - least_lit) * lit
        soft = lit + 0.45 * scattering * (math.sqrt(lit) - lit)
        red += light.lamps[k, 3] * crease * soft * _wrapped(n_l, 0.35 * scattering)
        green += light.lamps[k, 4] * crease * lit * _wrapped(n_l, 0.12 * scattering)
        blue += light.lamps[k, 5] * crease * lit * _wrapped(n_l, 0.07 * scattering)
        if gloss > 0 and n_l > 0 and lit > 0:
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            scale = lighting.inverse_length(hx, hy, hz)
            n_h, v_h = (nx * hx + ny * hy + nz * hz) * scale, max(0.0, (vx * hx + vy * hy + vz * hz) * scale)
            if n_h > 0:
                shine = _specular(n_l, n_v, n_h, v_h, roughness)
                if skin:  # a thin oily film over the rougher skin
                    shine = 0.85 * shine + 0.15 * _specular(n_l, n_v, n_h, v_h, 0.6 * roughness)
                shine = min(shine * gloss, 1.2) * lit * open_part
                mirrored_red += light.lamps[k, 3] * shine
                mirrored_green += light.lamps[k, 4] * shine
                mirrored_blue += light.lamps[k, 5] * shine
    if material == _EYE:  # a bright ceiling mirrored in the cornea
        white = 0.05 * reach * max(0.0, 2 * n_v * ny - vy - 0.1)
    elif skin:  # down and dead cells catch the light at grazing angles
        grazing = (1 - n_v) * (1 - n_v)
        grazing = 0.10 * open_part * scattering * grazing * grazing
        mirrored_red += grazing * red
        mirrored_green += grazing * green
        mirrored_blue += grazing * blue
    out[0] = color[0] * red + mirrored_red + white
    out[1] = color[1] * green + mirrored_green + white
    out[2] = color[2] * blue + mirrored_blue + white


@inlined
def light_hair(light, openness, point, normal, view, tangent, color, out):
    """Writes the linear RGB of a strand to `out`: Kajiya and Kay's model with two highlights.

    `tangent` is the strand's direction, of any length; the other arguments are those of `light_surface`.
    """
    nx, ny, nz = normal
    vx, vy, vz = view
    scale = lighting.inverse_length(tangent[0], tangent[1], tangent[2])
    tx, ty, tz = tangent[0] * scale, tangent[1] * scale, tangent[2] * scale
    red = lighting.ambient_light(light.ambient, 0, nx, ny, nz) * openness
    green = lighting.ambient_light(light.ambient, 1, nx, ny, nz) * openness
    blue = lighting.ambient_light(light.ambient, 2, nx, ny, nz) * openness
    mirrored_red, mirrored_green, mirrored_blue = 0.0, 0.0, 0.0
    # neighboring strands differ in their color, which stands in for their differing tilt
    jitter = 0.12 * (color[0] * 37 - math.floor(color[0] * 37) - 0.5)
    for k in range(light.lamps.shape[0]):
        lx, ly, lz = light.lamps[k, 0], light.lamps[k, 1], light.lamps[k, 2]
        n_l = nx * lx + ny * ly + nz * lz
        if n_l < -0.5:
            continue
        lit = lighting.lit_part(light, point[0], point[1], point[2], 0.9) if k == 0 else 1.0
        t_l = tx * lx + ty * ly + tz * lz
        diffuse = math.sqrt(max(0.0, 1 - t_l * t_l)) * min(1.0, (n_l + 0.5) / 1.5) * lit
        red += light.lamps[k, 3] * diffuse
        green += light.lamps[k, 4] * diffuse
        blue += light.lamps[k, 5] * diffuse
        towards = 0.9 * max(0.0, n_l + 0.15) * lit * openness
        if towards > 0:
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            t_h = (tx * hx + ty * hy + tz * hz) * lighting.inverse_length(hx, hy, hz) + jitter
            narrow, broad = _strand_highlights(t_h)
            mirrored_red += light.lamps[k, 3] * towards * (narrow + broad * color[0])
            mirrored_green += light.lamps[k, 4] * towards * (narrow + broad * color[1])
            mirrored_blue += light.lamps[k, 5] * towards * (narrow + broad * color[2])
    out[0] = color[0] * red + mirrored_red
    out[1] = color[1] * green + mirrored_green
    out[2] = color[2] * blue + mirrored_blue


@inlined
def _wrapped(cosine, wrap):
    """Diffuse light that reaches `wrap` round the edge of a translucent body."""
    return max(0.0, (cosine + wrap) / (1 + wrap))


@inlined
def _specular(n_l, n_v, n_h, v_h, roughness):
    """Light mirrored by a rough surface, for a lamp of radiance 1 / pi: GGX, Smith's shadowing, Schlick's Fresnel.

    The others are cosines between the normal n, the lamp l, the viewer v and h halfway between them.
    """
    a = roughness * roughness
    a2 = a * a
    d = n_h * n_h * (a2 - 1) + 1
    k = a / 2
    shadowing = 0.25 / ((n_l * (1 - k) + k) * (n_v * (1 - k) + k))
    f = 1 - v_h
    f2 = f * f
    fresnel = 0.04 + 0.96 * f2 * f2 * f
    return a2 / (d * d) * shadowing * fresnel * n_l


@inlined
def _strand_highlights(tangent_h):
    """A narrow white highlight shifted to the root, and a broad one further out that takes the hair's color."""
    narrow, broad = tangent_h + 0.10, tangent_h - 0.12
    s = max(0.0, 1 - narrow * narrow)
    s2 = s * s
    s4 = s2 * s2
    s16 = s4 * s4 * s4 * s4
    t = max(0.0, 1 - broad * broad)
    t2 = t * t
    t4 = t2 * t2
    return 0.16 * s16 * s16 * s16 * s16, 0.9 * t4 * t4 * t4 * t4
