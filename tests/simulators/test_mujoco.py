"""The MuJoCo engine: the contract, and what it gives against MuJoCo run alone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, Samples, Setup, Window
from cosim.sdk.contract import EngineContract

mujoco = pytest.importorskip("mujoco", reason="MuJoCo is not installed (extra: mujoco)")

from engines.mujoco import Mujoco  # noqa: E402

MS = 1_000_000
ARM = Path(__file__).parent / "arm.xml"
MODELS = ARM.with_name("mujoco_model.py")
BODIES = ["hand", "ball"]


class TestMujoco(EngineContract):
    engine, params = Mujoco, Mujoco.Params(model=ARM, dt="1 ms", bodies=BODIES, keyframe="raised")
    one_window_ms, many_windows_ms = 60, 2
    bad_params = (
        {"timestep": 0},
        {"model": "nowhere.xml"},
        {"actuators": ["sholder"]},
        {"joints": ["elbow", "elbow"]},
        {"args": {"a": 1}},
    )


class TestMujocoRungeKutta(TestMujoco):
    params = Mujoco.Params(model=f"{MODELS}:runge_kutta", args={"gravity": 5.0}, bodies=BODIES, timestep="0.5 ms")


class TestMujocoOneRowAWindow(TestMujoco):
    params = Mujoco.Params(model=ARM, actuators=["push", "flexor"], sensors=["shake"], joints=["wrist"])


# -- against MuJoCo alone ----------------------------------------------------------------------------------------------

STEPS, CONTROL_STEPS = 400, 5
CONTROL = np.random.default_rng(1).uniform(-3, 3, (STEPS // CONTROL_STEPS, 4))
ACCELERATIONS = slice(1, 6)  # accelerometer, touch and actuatorfrc among the sensors


def run_alone(integrator=None):
    """qpos, contact force of the hand and ball, and sensordata as mj_step leaves it, and as mj_forward makes it after the step."""
    model = mujoco.MjModel.from_xml_path(str(ARM))
    if integrator is not None:
        model.opt.integrator = integrator
    data, ahead = mujoco.MjData(model), mujoco.MjData(model)
    rows = {"qpos": [], "qvel": [], "xpos": [], "during": [], "after": [], "contact": []}
    for k in range(STEPS):
        data.ctrl[:] = CONTROL[k // CONTROL_STEPS]
        mujoco.mj_step(model, data)
        mujoco.mj_copyData(ahead, model, data)
        contact, force = np.zeros(model.nbody), np.zeros(6)
        for i in range(data.ncon):
            mujoco.mj_contactForce(model, data, i, force)
            contact[model.geom_bodyid[data.contact.geom[i]]] += force[0]
        mujoco.mj_forward(model, ahead)
        told = (data.qpos, data.qvel, ahead.xpos, data.sensordata, ahead.sensordata, contact[[3, 4]])
        for name, value in zip(rows, told, strict=True):
            rows[name].append(np.array(value))
    return {name: np.array(value) for name, value in rows.items()}


def run_coupled(params, window_ns=20 * MS):
    engine = Mujoco(params, Setup("m", window_ns, 1))
    parts = []
    for start in range(0, STEPS * MS, window_ns):
        window = Window(start, start + window_ns)
        rows = CONTROL[start // (CONTROL_STEPS * MS) : window.stop_ns // (CONTROL_STEPS * MS)]
        parts.append(engine.advance(window, {"control": Samples(window, rows)}))
    engine.close()
    return {name: np.concatenate([part[name].values for part in parts]) for name in parts[0]}


@pytest.mark.parametrize("window_ms", [5, 40])
def test_it_equals_mujoco_run_alone_bit_for_bit(window_ms):
    alone = run_alone()
    coupled = run_coupled(Mujoco.Params(model=ARM, dt="1 ms", bodies=BODIES), window_ms * MS)
    assert np.array_equal(coupled["joint_position"], alone["qpos"][:, [0, 1, 2, 10]])
    assert np.array_equal(coupled["joint_velocity"], alone["qvel"][:, [0, 1, 2, 9]])
    assert np.array_equal(coupled["body_position"], alone["xpos"][:, 3:5].reshape(STEPS, 6))
    assert np.array_equal(coupled["contact_force"], alone["contact"])
    assert (alone["contact"] > 0).any(axis=0).all()


def test_sensors_tell_the_end_of_the_step_and_accelerations_what_held_over_it():
    alone = run_alone()
    sensors = run_coupled(Mujoco.Params(model=ARM, dt="1 ms"))["sensors"]
    of_values = np.delete(np.arange(sensors.shape[1]), ACCELERATIONS)
    assert np.array_equal(sensors[:, of_values], alone["after"][:, of_values])
    assert np.array_equal(sensors[:, ACCELERATIONS], alone["during"][:, ACCELERATIONS])
    assert not np.array_equal(alone["during"][:, of_values], alone["after"][:, of_values])  # mj_step itself lags by a step


@pytest.mark.parametrize("name", ["mjINT_EULER", "mjINT_IMPLICIT", "mjINT_RK4", "mjINT_DISCRETE"])
def test_every_integrator_is_that_of_mujoco(name, tmp_path):
    if not hasattr(mujoco.mjtIntegrator, name):
        pytest.skip(f"MuJoCo {mujoco.__version__} has no {name}")
    word = {"mjINT_EULER": "Euler", "mjINT_RK4": "RK4"}.get(name, name.removeprefix("mjINT_").lower())
    text = ARM.read_text(encoding="utf-8").replace("implicitfast", word)
    (tmp_path / "arm.xml").write_text(text, encoding="utf-8")
    (tmp_path / "arm_sensors.xml").write_text((ARM.parent / "arm_sensors.xml").read_text(encoding="utf-8"), encoding="utf-8")
    alone = run_alone(getattr(mujoco.mjtIntegrator, name))
    coupled = run_coupled(Mujoco.Params(model=tmp_path / "arm.xml", dt="20 ms"))
    assert np.array_equal(coupled["joint_position"], alone["qpos"][19::20, [0, 1, 2, 10]])


def test_a_row_of_control_acts_over_the_step_that_ends_at_its_time():
    """Of two rows, each of 2 ms, in a window of 4 ms; pushes and torques likewise."""
    params = Mujoco.Params(model=ARM, dt="1 ms", bodies=["cart"], keyframe="raised")
    model = mujoco.MjModel.from_xml_path(str(ARM))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    expected = []
    for k in range(4):
        data.ctrl[:] = (1.0, 2.0, 0.3, 0.1) if k < 2 else (-1.0, 0.0, 0.9, -0.1)
        data.xfrc_applied[5] = np.arange(6) * (1 + k // 2)
        data.qfrc_applied[[0, 1, 2, 9]] = 0.1 * k
        mujoco.mj_step(model, data)
        expected.append(data.qpos[[0, 1, 2, 10]])
    engine = Mujoco(params, Setup("m", 4 * MS, 1))
    window = Window(0, 4 * MS)
    inputs = {
        "control": Samples(window, np.array([[1.0, 2.0, 0.3, 0.1], [-1.0, 0.0, 0.9, -0.1]])),
        "body_force": Samples(window, np.array([np.arange(6.0), 2 * np.arange(6.0)])),
        "joint_force": Samples(window, 0.1 * np.arange(4.0)[:, None] * np.ones((1, 4))),
    }
    assert np.array_equal(engine.advance(window, inputs)["joint_position"].values, np.array(expected))


def test_without_a_link_the_controls_of_the_keyframe_stay():
    model = mujoco.MjModel.from_xml_path(str(ARM))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_step(model, data, nstep=20)
    engine = Mujoco(Mujoco.Params(model=ARM, keyframe="raised"), Setup("m", 20 * MS, 1))
    assert np.array_equal(engine.advance(Window(0, 20 * MS), {})["joint_position"].values[-1], data.qpos[[0, 1, 2, 10]])


# -- other ways to give a model ----------------------------------------------------------------------------------------

URDF = """<robot name="crane">
  <link name="base"/>
  <link name="boom"><inertial><mass value="1"/><inertia ixx="0.1" iyy="0.1" izz="0.1" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <link name="hook"><inertial><mass value="1"/><inertia ixx="0.1" iyy="0.1" izz="0.1" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="lift" type="prismatic"><parent link="boom"/><child link="hook"/><axis xyz="0 0 1"/>
    <limit lower="-2" upper="0" effort="9" velocity="9"/></joint>
  <joint name="turn" type="continuous"><parent link="base"/><child link="boom"/><axis xyz="0 0 1"/></joint>
</robot>"""


def test_a_urdf_is_driven_by_forces_on_its_joints(tmp_path):
    (tmp_path / "crane.urdf").write_text(URDF, encoding="utf-8")
    params = Mujoco.Params(model=tmp_path / "crane.urdf", bodies=["hook"])
    ports = {port.name: port for port in Mujoco.ports(params)}
    assert "control" not in ports
    assert "sensors" not in ports
    assert ports["joint_force"].space.labels == ("lift", "turn")
    engine = Mujoco(params, Setup("m", 100 * MS, 1))
    window = Window(0, 100 * MS)
    torque = Samples(window, np.array([[9.81, 1.0]]))  # holds the hook, turns the boom
    out = engine.advance(window, {"joint_force": torque})
    lift, turn = out["joint_position"].values[-1]
    assert abs(lift) < 1e-6
    assert turn == pytest.approx(0.5 * 1.0 / 0.2 * 0.1**2, rel=0.05)  # both links turn: 0.2 kg m²


def test_a_function_gives_mjcf_text():
    params = Mujoco.Params(model=f"{MODELS}:pendulum")
    assert [port.name for port in Mujoco.ports(params)] == ["control", "joint_force", "joint_position", "joint_velocity"]
    assert Mujoco.ports(params)[0].space.labels == ("actuator_0",)
    assert Mujoco.ports(params)[2].unit == "rad"
    engine = Mujoco(params, Setup("m", 20 * MS, 1))
    assert engine.advance(Window(0, 20 * MS), {})["joint_position"].values.shape == (1, 1)


def test_names_are_read_as_mujoco_has_them():
    ports = {port.name: port for port in Mujoco.ports(TestMujoco.params)}
    model = mujoco.MjModel.from_xml_path(str(ARM))
    assert ports["control"].space.labels == ("shoulder", "actuator_1", "flexor", "push")
    assert ports["sensors"].space.labels[:3] == ("elbow", "shake[0]", "shake[1]")
    assert len(ports["sensors"].space) == model.nsensordata
    assert ports["sensors"].space.groups["turn"] == (6, 7, 8, 9)
    assert ports["joint_position"].space.labels == ("shoulder", "elbow", "wrist", "rail")
    assert ports["body_position"].space.labels[3] == "ball.x"


REPLICATED = """<mujoco><worldbody><replicate count="3" offset="0.3 0 0">
<body name="leg" pos="0 0 1"><joint name="hip" axis="0 1 0"/>
<geom type="capsule" fromto="0 0 0 0 0 -0.5" size="0.02"/></body></replicate></worldbody></mujoco>"""


def test_names_that_only_mujoco_knows_are_asked_for_and_taken(tmp_path):
    (tmp_path / "legs.xml").write_text(REPLICATED, encoding="utf-8")
    with pytest.raises(CosimError, match="has <replicate>") as caught:
        Mujoco.ports(Mujoco.Params(model=tmp_path / "legs.xml"))
    assert "joints: […]" in caught.value.mend
    few = {"model": tmp_path / "legs.xml", "actuators": [], "sensors": []}
    engine = Mujoco(Mujoco.Params(**few, joints=["hip1"]), Setup("m", 20 * MS, 1))
    assert engine.advance(Window(0, 20 * MS), {})["joint_position"].values.shape == (1, 1)
    with pytest.raises(CosimError, match="no joint 'hip7'") as caught:
        Mujoco(Mujoco.Params(**few, joints=["hip7"]), Setup("m", 20 * MS, 1))
    assert "hip0, hip1, hip2" in caught.value.why


# -- cameras -----------------------------------------------------------------------------------------------------------


def has_a_renderer():
    params = Mujoco.Params(model=ARM, cameras={"eye": {"width": 4, "height": 3}})
    try:
        Mujoco(params, Setup("m", 20 * MS, 1)).close()
    except CosimError as error:
        return str(error)
    return ""


WITHOUT_RENDERER = has_a_renderer()


@pytest.mark.skipif(bool(WITHOUT_RENDERER), reason=f"images cannot be rendered: {WITHOUT_RENDERER}")
class TestMujocoWithAnEye(TestMujoco):
    """Images do not depend on how time is cut, and looking changes nothing."""

    params = Mujoco.Params(model=ARM, cameras={"eye": {"width": 24, "height": 16, "dt": "20 ms"}}, dt="5 ms", keyframe="raised")
    one_window_ms, many_windows_ms = 60, 20

    def test_the_arm_is_seen_where_it_is(self):
        image = self.run(20)["camera_eye"].values[0].reshape(16, 24)
        space = {port.name: port for port in Mujoco.ports(self.params)}["camera_eye"].space
        assert image.min() >= 0
        assert 0.1 < image.max() <= 1
        assert image[:4].mean() < image[-4:].mean()  # a dark sky over a lit floor
        assert space.labels[25] == "1,1"
        assert space.positions[25].tolist() == [1, -1, 0]

    def test_looking_does_not_change_the_motion(self):
        blind = Mujoco(self.params.model_copy(update={"cameras": {}}), Setup("m", 60 * MS, 1))
        blind_rows = blind.advance(Window(0, 60 * MS), {})["joint_position"].values
        seeing = Mujoco(self.params, Setup("m", 60 * MS, 1))
        assert np.array_equal(seeing.advance(Window(0, 60 * MS), {})["joint_position"].values, blind_rows)
        seeing.close()


def test_a_camera_that_cannot_be_rendered_is_told_with_a_way_out(monkeypatch):
    def broken(width, height):
        raise RuntimeError("no GL here")

    monkeypatch.setattr("engines.mujoco.camera.context_type", lambda mj: broken)
    with pytest.raises(CosimError, match="'eye' cannot be rendered") as caught:
        Mujoco(Mujoco.Params(model=ARM, cameras={"eye": {}}), Setup("m", 20 * MS, 1))
    assert caught.value.why == "RuntimeError: no GL here"
    assert "EGL" in caught.value.mend


# -- faults ------------------------------------------------------------------------------------------------------------


def fault(window_ms=20, **params):
    with pytest.raises(CosimError) as caught:
        Mujoco(Mujoco.Params(model=ARM, **params), Setup("m", round(window_ms * MS), 1))
    return str(caught.value)


def test_wrong_names_list_the_model_s():
    told = fault(actuators=["sholder"])
    assert "arm.xml has no actuator 'sholder'" in told
    assert "shoulder, actuator_1, flexor, push" in told
    assert "did you mean 'shoulder'?" in told
    assert "keyframe 'lowered'" in fault(keyframe="lowered")
    assert "no body 'foot'" in fault(bodies=["foot"])
    assert "no camera 'ear'" in fault(cameras={"ear": {}})
    assert "sensors: {shake: 3}" in fault(sensors={"shake": 2})


def test_steps_that_do_not_fit_are_told(tmp_path):
    assert "2.5 ms is not a whole number of the 1 ms steps" in fault(window_ms=2.5)
    assert "whole number of 1 ms" in fault(dt="1500 us")
    text = (
        ARM.read_text(encoding="utf-8")
        .replace('timestep="0.001"', 'timestep="0.00416666666666"')
        .replace("<include", "<!-- ")
        .replace('xml"/>\n  <worldbody', "xml -->\n  <worldbody")
    )
    (tmp_path / "arm.xml").write_text(text, encoding="utf-8")
    with pytest.raises(CosimError, match="not a whole number of nanoseconds"):
        Mujoco(Mujoco.Params(model=tmp_path / "arm.xml"), Setup("m", 20 * MS, 1))


def test_a_model_that_explodes_is_an_error_and_leaves_no_log_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = Mujoco(Mujoco.Params(model=ARM), Setup("m", 20 * MS, 1))
    window = Window(0, 20 * MS)
    with pytest.raises(CosimError, match=r"became unstable in \(0 ms, 20 ms\]"):
        engine.advance(window, {"joint_force": Samples(window, np.array([[1e14, 0, 0, 0.0]]))})
    assert list(tmp_path.iterdir()) == []


def test_what_mujoco_itself_refuses_comes_in_its_words(tmp_path):
    (tmp_path / "bad.xml").write_text("<mujoco><worldbody><body><joint name='a'/></body></worldbody></mujoco>", encoding="utf-8")
    with pytest.raises(ValueError, match="mass and inertia of moving bodies"):
        Mujoco(Mujoco.Params(model=tmp_path / "bad.xml"), Setup("m", 20 * MS, 1))


def test_bodies_that_may_sleep_are_not_saved(tmp_path):
    text = REPLICATED.replace("<mujoco>", '<mujoco><option timestep="0.001"><flag sleep="enable"/></option>')
    (tmp_path / "legs.xml").write_text(text, encoding="utf-8")
    params = Mujoco.Params(model=tmp_path / "legs.xml", actuators=[], sensors=[], joints=["hip0"])
    with pytest.raises(CosimError, match="may sleep cannot be saved"):
        Mujoco(params, Setup("m", 20 * MS, 1)).save()


def test_a_file_that_is_no_xml_is_told_when_it_is_checked(tmp_path):
    (tmp_path / "bad.xml").write_text("<mujoco>", encoding="utf-8")
    with pytest.raises(CosimError, match=r"bad\.xml is not XML"):
        Mujoco.ports(Mujoco.Params(model=tmp_path / "bad.xml"))


def test_ports_are_known_without_mujoco_and_a_missing_one_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    params = Mujoco.Params(model=ARM)
    assert len(Mujoco.ports(params)) == 5
    with pytest.raises(CosimError) as caught:
        Mujoco(params, Setup("m", 20 * MS, 1))
    assert "neuro-cosim[mujoco]" in caught.value.mend
